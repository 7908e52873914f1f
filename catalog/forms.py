"""Forms of the merchant's desk. Money is typed in yuan and kept in fen."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.models import Belt, Category, Product, ProductSource, Shop
from catalog.products import LARGEST_PRICE_FEN, Texts, Variant
from catalog.shops import Terms


class NamedChoice(forms.ModelChoiceField):
    """A category or belt by its name in the reader's language."""

    def __init__(self, *, queryset: Any, **options: Any) -> None:
        super().__init__(queryset, empty_label=_("Please choose") if options.get("required", True) else _("None"), **options)

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.label)


class YuanField(forms.DecimalField):
    """¥39.90 typed as 39.90, read as 3990."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_digits=10, decimal_places=2, max_value=Decimal(LARGEST_PRICE_FEN) / 100, **options)

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        return None if amount is None else int(amount * 100)

    def prepare_value(self, value: Any) -> Any:
        return f"{value / 100:.2f}" if isinstance(value, int) else value


class ShopForm(forms.Form):
    """One page opens a shop."""

    name = forms.CharField(label=_("Shop name"), max_length=40)
    operator_name = forms.CharField(label=_("Legal seller"), max_length=80, help_text=_("As on the licence; buyers see it"))
    ships_from = forms.CharField(label=_("Ships from"), max_length=60)
    belt = NamedChoice(label=_("Industrial belt"), queryset=Belt.objects.order_by("name"), required=False)
    freight_fen = YuanField(label=_("Freight (¥)"), help_text=_("0 is free"))
    free_freight_from_fen = YuanField(label=_("Free freight from (¥)"), required=False)
    remote_freight_fen = YuanField(label=_("Extra for remote provinces (¥)"))

    @classmethod
    def of(cls, shop: Shop) -> "ShopForm":
        return cls(initial={name: getattr(shop, name) for name in cls.base_fields} | {"belt": shop.belt_id})

    def terms(self) -> Terms:
        return Terms(**self.cleaned_data)


class ProductForm(forms.Form):
    """What a product says of itself."""

    title = forms.CharField(label=_("Title"), max_length=80)
    brief = forms.CharField(label=_("In one line"), max_length=160, required=False)
    category = NamedChoice(label=_("Category"), queryset=Category.objects.order_by("position", "id"))
    belt = NamedChoice(label=_("Industrial belt"), queryset=Belt.objects.order_by("name"), required=False)
    source = forms.TypedChoiceField(label=_("Goods come"), choices=ProductSource.choices, coerce=int, initial=ProductSource.ORIGIN)
    merchant_code = forms.CharField(label=_("Your code"), max_length=40, required=False, help_text=_("The key of CSV import"))
    description = forms.CharField(label=_("Details"), required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 5}))

    @classmethod
    def of(cls, product: Product) -> "ProductForm":
        return cls(initial={n: getattr(product, n) for n in cls.base_fields} | {"category": product.category_id, "belt": product.belt_id})

    def texts(self) -> Texts:
        return Texts(**self.cleaned_data)


class VariantForm(forms.Form):
    """One SKU."""

    name = forms.CharField(label=_("Variant"), max_length=40, required=False, help_text=_("Empty when there is only one"))
    price_fen = YuanField(label=_("Price in ¥"))
    stock = forms.IntegerField(label=_("Stock"), min_value=0, max_value=1_000_000)

    def variant(self) -> Variant:
        return Variant(**self.cleaned_data)


class SearchForm(forms.Form):
    """The filters of the search page; what cannot be read is ignored."""

    q = forms.CharField(required=False, max_length=60)
    category = forms.ModelChoiceField(Category.objects.all(), to_field_name="slug", required=False)
    belt = forms.ModelChoiceField(Belt.objects.all(), to_field_name="slug", required=False)
    min = YuanField(required=False)
    max = YuanField(required=False)
    sort = forms.CharField(required=False, max_length=8)
    page = forms.IntegerField(required=False, min_value=1, max_value=400)
