"""What something costs a person here and now: reads the database and asks `campaigns.pricing`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models.functions import Now

from accounts.models import User
from campaigns.models import Claim, CouponGrant, GrantState
from campaigns.pricing import BEST, CouponTerms, FreightTerms, Line, PriceSheet, price
from catalog.models import Category, Shop, Sku
from rooms.models import Room, ShelfItem

# Where parcels cost more (偏远地区); a shop's `remote_freight_fen` is added there.
REMOTE = ("新疆", "西藏", "青海", "内蒙古", "宁夏")

Item = tuple[Sku, int, ShelfItem | None]


@dataclass(frozen=True, slots=True)
class ShelfPrice:
    """What a card shows: the price now, and the struck price when there is a real higher one."""

    price_fen: int
    struck_fen: int | None
    left: int


def quote(
    *,
    user: User | AnonymousUser | None,
    items: Sequence[Item],
    grant_id: str = BEST,
    province: str = "",
    claim: Claim | None = None,
    room: Room | None = None,
) -> PriceSheet:
    """The price of these things for this person; a claimed unit costs its deal's price and takes no coupon."""
    shop = items[0][0].product.shop
    lines = [_line(sku, quantity, claim) for sku, quantity, _item in items]
    coupons = [] if claim is not None or not isinstance(user, User) else coupons_of(user)
    return price(lines, coupons, freight_of(shop, province), grant_id)


def shelf_price(sku: Sku) -> ShelfPrice:
    """The regular price shown on shelf, pin and product page: the one checkout will ask for."""
    struck = sku.list_price_fen if sku.list_price_fen and sku.list_price_fen > sku.price_fen else None
    return ShelfPrice(sku.price_fen, struck, sku.stock_available)


def freight_of(shop: Shop, province: str = "") -> FreightTerms:
    return FreightTerms(
        freight_fen=shop.freight_fen,
        free_from_fen=shop.free_freight_from_fen,
        remote_extra_fen=shop.remote_freight_fen,
        is_remote=province.startswith(REMOTE),
    )


def coupons_of(user: User) -> list[CouponTerms]:
    """What the person could use now, soonest to run out first."""
    grants = CouponGrant.objects.filter(user=user, state=GrantState.UNUSED, expires_at__gt=Now())
    return [terms_of(grant) for grant in grants.select_related("coupon").order_by("expires_at", "pk")]


def terms_of(grant: CouponGrant) -> CouponTerms:
    coupon = grant.coupon
    return CouponTerms(
        grant_id=grant.pk,
        public_id=grant.public_id,
        title=coupon.title,
        target=coupon.target,
        off_fen=coupon.off_fen,
        threshold_fen=coupon.threshold_fen,
        funder=coupon.funder,
        shop_id=coupon.shop_id,
        product_id=coupon.product_id,
        category_id=coupon.category_id,
        expires_at=grant.expires_at,
    )


def _line(sku: Sku, quantity: int, claim: Claim | None) -> Line:
    product = sku.product
    return Line(
        sku_id=sku.pk,
        quantity=1 if claim else quantity,
        unit_price_fen=claim.deal.price_fen if claim else sku.price_fen,
        list_price_fen=sku.price_fen if claim else sku.list_price_fen,
        shop_id=product.shop_id,
        product_id=product.pk,
        category_ids=frozenset(_with_parents(product.category_id)),
        is_deal=claim is not None,
    )


def _with_parents(category_id: int | None) -> Iterable[int]:
    """A coupon for fruit is good for apples."""
    while category_id is not None:
        yield category_id
        category_id = Category.objects.values_list("parent_id", flat=True).get(pk=category_id)
