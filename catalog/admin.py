"""The operators' desk for goods."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from catalog import search, words
from catalog.models import BannedWord, Belt, Category, Product, Shop, Sku


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    list_display = ["name", "name_en", "parent", "fee_permille", "min_commission_permille", "no_reason_return", "position"]
    search_fields = ["name", "name_en", "slug"]


@admin.register(Belt)
class BeltAdmin(ModelAdmin):
    list_display = ["name", "name_en", "region"]
    search_fields = ["name", "region"]


@admin.register(Shop)
class ShopAdmin(ModelAdmin):
    list_display = ["name", "operator_name", "owner", "ships_from", "is_open"]
    list_filter = ["is_open", "belt"]
    search_fields = ["name", "operator_name"]
    autocomplete_fields = ["owner"]


class SkuInline(TabularInline):
    """Prices and stock are looked at here; they change only at the merchant's desk, where each change is written down."""

    model = Sku
    extra = 0
    can_delete = False
    fields = readonly_fields = ["name", "price_fen", "list_price_fen", "stock_total", "stock_available", "stock_held", "stock_sold"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    list_display = ["title", "shop", "category", "belt", "state", "sold_count"]
    list_filter = ["state", "category", "belt", "source"]
    search_fields = ["title", "merchant_code", "shop__name"]
    readonly_fields = ["sold_count"]
    autocomplete_fields = ["shop"]
    inlines = [SkuInline]

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """The search words follow the texts."""
        super().save_model(request, obj, form, change)
        search.index_in_tx(obj)


@admin.register(BannedWord)
class BannedWordAdmin(ModelAdmin):
    list_display = ["word", "allowed_in", "source"]
    search_fields = ["word"]

    def save_model(self, request: HttpRequest, obj: BannedWord, form: Any, change: bool) -> None:
        """An edited word counts at once in this process, within 15 s in the others."""
        super().save_model(request, obj, form, change)
        words.forget()
