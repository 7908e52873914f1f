from django.urls import URLPattern, URLResolver, path

from catalog import api, desk, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("p/<str:public_id>", views.product, name="product"),
    path("search", views.find, name="search"),
    path("belt/<slug:slug>", views.belt, name="belt"),
    path("shop/", desk.home, name="shop_home"),
    path("shop/items", desk.items, name="shop_items"),
    path("shop/items/new", desk.new_item, name="shop_item_new"),
    path("shop/items/<str:public_id>", desk.item, name="shop_item"),
    path("shop/items/<str:public_id>/state", desk.item_state, name="shop_item_state"),
    path("shop/items/<str:public_id>/pictures", desk.add_picture, name="shop_picture_add"),
    path("shop/items/<str:public_id>/pictures/<int:position>/remove", desk.remove_picture, name="shop_picture_remove"),
    path("shop/items/<str:public_id>/skus", desk.add_sku, name="shop_sku_add"),
    path("shop/skus/<str:public_id>/stock", desk.sku_stock, name="shop_sku_stock"),
    path("shop/skus/<str:public_id>/price", desk.sku_price, name="shop_sku_price"),
    path("shop/export", desk.export, name="shop_export"),
    path("shop/import", desk.new_import, name="shop_import_new"),
    path("shop/import/<str:public_id>", desk.import_job, name="shop_import"),
    path("shop/import/<str:public_id>/errors.csv", desk.import_errors, name="shop_import_errors"),
    path("api/products/", api.ProductList.as_view(), name="api_products"),
    path("api/products/<str:public_id>", api.ProductDetail.as_view(), name="api_product"),
]
