"""Shops: opening one, changing its terms, and the figures of its home page."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, Sum
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.models import User
from catalog.models import Belt, Product, ProductState, Shop, Sku
from liveshop.refusals import Code, Refused

FEW_LEFT = 10


@dataclass(frozen=True, slots=True)
class Terms:
    """What a shop tells buyers of itself."""

    name: str
    operator_name: str
    ships_from: str
    belt: Belt | None = None
    freight_fen: int = 0
    free_freight_from_fen: int | None = None
    remote_freight_fen: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """The shop at a glance."""

    on_sale: int
    drafts: int
    off_shelf: int
    units: int
    held: int
    sold: int
    stock_fen: int


def open_shop(*, owner: User, terms: Terms) -> Shop:
    """A new shop, open at once. Raises Refused(INVALID) for a name that is taken."""
    access.require(owner, access.Power.WATCH)
    if not owner.is_authenticated:
        raise Refused(Code.LOGIN_REQUIRED)
    try:
        with transaction.atomic(durable=True):
            shop = Shop.objects.create(owner=owner, **_fields(terms))
            audit.record_in_tx(actor=owner, action="shop_opened", subject=f"shop:{shop.public_id}", after={"name": shop.name})
    except IntegrityError as taken:
        raise Refused(Code.INVALID, why=_("This shop name is taken")) from taken
    return shop


def change(*, shop: Shop, by: User, terms: Terms) -> None:
    """New terms for coming orders; placed orders keep theirs."""
    access.require(by, access.Power.MANAGE_SHOP, shop)
    try:
        with transaction.atomic(durable=True):
            Shop.objects.filter(pk=shop.pk).update(**_fields(terms))
    except IntegrityError as taken:
        raise Refused(Code.INVALID, why=_("This shop name is taken")) from taken


def figures(shop: Shop) -> Figures:
    """Counts of goods and units, and the worth of what is in stock."""
    states = Product.objects.filter(shop=shop).aggregate(
        on_sale=Count("pk", filter=Q(state=ProductState.ON_SALE)),
        drafts=Count("pk", filter=Q(state=ProductState.DRAFT)),
        off_shelf=Count("pk", filter=Q(state=ProductState.OFF_SHELF)),
    )
    units = Sku.objects.filter(product__shop=shop).aggregate(
        units=Sum("stock_available", default=0),
        held=Sum("stock_held", default=0),
        sold=Sum("stock_sold", default=0),
        stock_fen=Sum(F("stock_available") * F("price_fen"), default=0),
    )
    return Figures(**states, **units)


def running_out(shop: Shop, limit: int = 6) -> list[Sku]:
    """SKUs on sale with few units left, the emptiest first."""
    skus = Sku.objects.filter(product__shop=shop, product__state=ProductState.ON_SALE, stock_available__lt=FEW_LEFT)
    return list(skus.select_related("product").order_by("stock_available", "id")[:limit])


def _fields(terms: Terms) -> dict[str, object]:
    return {
        "name": terms.name,
        "operator_name": terms.operator_name,
        "ships_from": terms.ships_from,
        "belt": terms.belt,
        "freight_fen": terms.freight_fen,
        "free_freight_from_fen": terms.free_freight_from_fen,
        "remote_freight_fen": terms.remote_freight_fen,
    }
