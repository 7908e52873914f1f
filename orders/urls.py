from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from orders import desk, simulator_page, views
from orders.api import OrderViewSet

router = SimpleRouter()
router.register("api/orders", OrderViewSet, basename="api_order")

urlpatterns: list[URLPattern | URLResolver] = [
    path("checkout", views.checkout, name="checkout"),
    path("o/", views.orders, name="orders"),
    path("o/<str:public_id>", views.order, name="order"),
    path("o/<str:public_id>/state", views.order_state, name="order_state"),
    path("o/<str:public_id>/cancel", views.cancel, name="order_cancel"),
    path("pay/notify/<str:provider>", views.pay_notify, name="pay_notify"),
    path("pay/sim/<str:payment>", simulator_page.simulator, name="simulator"),
    path("pay/<str:public_id>", views.pay, name="pay"),
    path("shop/orders", desk.shop_orders, name="shop_orders"),
    path("shop/orders.csv", desk.shop_orders_csv, name="shop_orders_csv"),
    *router.urls,
]
