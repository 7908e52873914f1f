from django.urls import path

from alliance import views

urlpatterns = [
    path("a/<str:code>", views.follow_link, name="link"),
    path("a/<str:code>/qr.svg", views.link_qr, name="link_qr"),
    path("alliance/pool", views.pool_page, name="pool"),
    path("alliance/pool/<str:plan_id>/pick", views.pick_product, name="pool_pick"),
    path("alliance/links", views.links_page, name="links"),
    path("alliance/links/<str:code>/poster", views.poster, name="link_poster"),
    path("alliance/earnings", views.earnings_page, name="earnings"),
    path("shop/plans", views.plans_page, name="shop_plans"),
    path("shop/plans/<str:product_id>", views.set_plan, name="shop_set_plan"),
]
