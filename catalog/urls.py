from django.urls import URLPattern, URLResolver, path

from catalog import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("p/<str:public_id>", views.product_page, name="product"),
]
