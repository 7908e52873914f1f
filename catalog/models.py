"""Shops, products, SKUs, stock, price history, categories and belts."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from liveshop.ids import public_id


class Named:
    """Has a name, and perhaps one in English."""

    name: Any
    name_en: Any

    @property
    def label(self) -> str:
        """The name in the reader's language."""
        in_chinese = (get_language() or "zh").startswith("zh")
        return str(self.name if in_chinese or not self.name_en else self.name_en)


class Category(Named, models.Model):
    """A node of the category tree with its own rules."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    fee_permille = models.PositiveSmallIntegerField(default=50, help_text="Platform fee on goods money, ‰")
    min_commission_permille = models.PositiveSmallIntegerField(default=0)
    no_reason_return = models.BooleanField(default=True, help_text="7-day no-reason return applies")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "categories"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class Belt(Named, models.Model):
    """An industrial belt (产业带): a region known for one kind of goods."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60, blank=True)
    region = models.CharField(max_length=40)
    story = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.name


class Shop(models.Model):
    """A merchant's shop: who sells and who ships."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="shops")
    name = models.CharField(max_length=40, unique=True)
    ships_from = models.CharField(max_length=60)
    operator_name = models.CharField(max_length=80, help_text="The legal seller shown to buyers")
    belt = models.ForeignKey(Belt, models.PROTECT, null=True, blank=True, related_name="shops")
    freight_fen = models.PositiveIntegerField(default=0)
    free_freight_from_fen = models.PositiveIntegerField(null=True, blank=True)
    remote_freight_fen = models.PositiveIntegerField(default=0, help_text="Added for remote provinces (偏远)")
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class ProductState(models.IntegerChoices):
    DRAFT = 0, _("draft")
    ON_SALE = 1, _("on sale")
    OFF_SHELF = 2, _("off the shelf")


class ProductSource(models.IntegerChoices):
    ORIGIN = 1, _("from the source")
    BRAND = 2, _("brand")


class Product(models.Model):
    """What is sold; the price and the stock are its SKUs'."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    shop = models.ForeignKey(Shop, models.PROTECT, related_name="products")
    category = models.ForeignKey(Category, models.PROTECT, related_name="products")
    belt = models.ForeignKey(Belt, models.PROTECT, null=True, blank=True, related_name="products")
    merchant_code = models.CharField(max_length=40, blank=True, help_text="The merchant's own code, the key of CSV import")
    title = models.CharField(max_length=80)
    brief = models.CharField(max_length=160, blank=True)
    description = models.TextField(blank=True)
    source = models.PositiveSmallIntegerField(choices=ProductSource.choices, default=ProductSource.ORIGIN)
    state = models.PositiveSmallIntegerField(choices=ProductState.choices, default=ProductState.DRAFT)
    sold_count = models.PositiveIntegerField(default=0)
    search = SearchVectorField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [GinIndex(fields=["search"], name="catalog_product_search")]
        constraints = [
            models.UniqueConstraint(fields=["shop", "merchant_code"], condition=~Q(merchant_code=""), name="catalog_merchant_code_once"),
        ]

    def __str__(self) -> str:
        return self.title


class ProductPicture(models.Model):
    """A picture; `path` is below static/ (`img/goods/…`) or media/ (`media:…`). Position 0 is the cover."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="pictures")
    path = models.CharField(max_length=160)
    alt = models.CharField(max_length=80, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["product", "position"], name="catalog_picture_position")]


class Sku(models.Model):
    """One buyable variant. total = available + held + sold at every commit; stock moves only in `catalog.stock`."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    product = models.ForeignKey(Product, models.CASCADE, related_name="skus")
    name = models.CharField(max_length=40, blank=True)
    merchant_code = models.CharField(max_length=40, blank=True)
    price_fen = models.PositiveIntegerField()
    list_price_fen = models.PositiveIntegerField(null=True, blank=True, help_text="Struck price; must have been a real one")
    stock_total = models.PositiveIntegerField(default=0)
    stock_available = models.PositiveIntegerField(default=0)
    stock_held = models.PositiveIntegerField(default=0)
    stock_sold = models.PositiveIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(stock_total=F("stock_available") + F("stock_held") + F("stock_sold")), name="catalog_sku_stock_adds_up"
            ),
            models.CheckConstraint(condition=Q(price_fen__gt=0), name="catalog_sku_price_positive"),
        ]


class PriceChange(models.Model):
    """Price history: one row per change, written in the same transaction as the change."""

    sku = models.ForeignKey(Sku, models.CASCADE, related_name="price_changes")
    price_fen = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["sku", "-at"], name="catalog_price_history")]


class BannedWord(models.Model):
    """An advertising word the law forbids in titles and notices; `allowed_in` holds harmless phrases around it."""

    word = models.CharField(max_length=40, unique=True)
    allowed_in = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return self.word


class ImportJob(models.Model):
    """A CSV import in progress or done, with its errors by row."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    shop = models.ForeignKey(Shop, models.CASCADE, related_name="imports")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    content = models.TextField()
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list, help_text='[{"row": 3, "column": "price", "problem": "price", "value": "…"}]')
    file_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
