"""The read API of goods."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import generics, serializers

from catalog import search
from catalog.models import Product, ProductState, Sku
from liveshop.templatetags.liveshop import picture


class SkuJson(serializers.ModelSerializer[Sku]):
    class Meta:
        model = Sku
        fields = ["public_id", "name", "price_fen", "list_price_fen", "stock_available"]


class ProductJson(serializers.ModelSerializer[Product]):
    category = serializers.CharField(source="category.name")
    belt = serializers.CharField(source="belt.name", default=None)
    shop = serializers.CharField(source="shop.name")
    ships_from = serializers.CharField(source="shop.ships_from")
    skus = SkuJson(many=True)
    pictures = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = ["public_id", "title", "brief", "category", "belt", "shop", "ships_from", "sold_count", "pictures", "skus"]

    def get_pictures(self, product: Product) -> list[str]:
        return [picture(shown.path) for shown in product.pictures.all()]


def _on_sale() -> QuerySet[Product]:
    goods = Product.objects.filter(state=ProductState.ON_SALE, shop__is_open=True)
    return goods.select_related("shop", "category", "belt").prefetch_related("pictures", "skus").order_by("-id")


class ProductList(generics.ListAPIView[Product]):
    """Goods on sale, newest first; `?q=` searches as the page does, best first."""

    serializer_class = ProductJson
    queryset = _on_sale()

    def filter_queryset(self, queryset: Any) -> Any:
        text = self.request.query_params.get("q", "").strip()
        return search.find(text, limit=200).products if text else queryset


class ProductDetail(generics.RetrieveAPIView[Product]):
    """One product on sale."""

    serializer_class = ProductJson
    lookup_field = "public_id"
    queryset = _on_sale()
