"""What a room shows of goods and reasons to buy: shelf, pinned product, deals and coupons; and a person's own cards.

Panels are drawn once for everybody, without a request or viewer; what is personal is `mine`.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts.models import User
from campaigns import mine as personal
from campaigns import offers
from campaigns.models import Coupon, CouponState, Deal, DealState, DropState
from catalog import products
from catalog.models import ProductState, Sku
from liveshop.clock import now
from rooms.models import Pin, Room, ShelfItem, Show
from rooms.panels import Panel

# An ended card stays this long, so that nobody taps into the void.
LINGER = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class ShelfCard:
    """One product on the shelf or pinned, as a card draws it. `sku` is the one a quick buy takes."""

    item: ShelfItem
    sku: Sku
    price: offers.ShelfPrice
    picture: str
    left: int
    is_pinned: bool
    deal: Deal | None
    has_choice: bool
    has_more_prices: bool

    room_slug: str

    @property
    def is_sold_out(self) -> bool:
        return self.left <= 0

    @property
    def buy_url(self) -> str:
        """Straight to the checkout sheet; a product with several SKUs is chosen on its own sheet first."""
        asked = f"item={self.item.public_id}&room={self.room_slug}"
        if self.has_choice:
            return f"{reverse('product', args=[self.item.product.public_id])}?{asked}"
        return f"{reverse('checkout')}?sku={self.sku.public_id}&{asked}"


def shelf(room: Room) -> Panel:
    """The numbered list with prices as checkout would ask them."""
    pinned = Pin.objects.filter(room=room, ended_at=None).values_list("item_id", flat=True).first()
    return Panel("campaigns/_shelf.html", {"room": room, "cards": _cards(room, pinned_id=pinned)})


def pin(room: Room) -> Panel:
    """The product being shown, or nothing."""
    pinned = Pin.objects.filter(room=room, ended_at=None).values_list("item_id", flat=True).first()
    cards = _cards(room, pinned_id=pinned, only=pinned) if pinned else []
    return Panel("campaigns/_pin.html", {"room": room, "card": cards[0] if cards else None})


def drops(room: Room) -> Panel:
    """The deals and coupons of this room that are announced, open, or just over."""
    return Panel("campaigns/_drops.html", {"room": room, "deals": current_deals(room), "coupons": current_coupons(room)})


def past_deals(show: Show) -> Panel:
    """The deals that were opened in a show and are over, in order: nobody who looks back should hope for one."""
    opened = Deal.objects.filter(drop__show=show, drop__state=DropState.DROPPED).select_related("sku__product")
    opened = opened.prefetch_related("leases", "commitments", "sku__product__pictures").order_by("starts_at", "pk")
    return Panel("campaigns/_past_deals.html", {"deals": [deal for deal in opened if deal.phase == "ended"]})


def mine(room: Room, user: User) -> str:
    """The person's own results in this room: what she won, where she stands in line, which coupons she has."""
    return personal.cards(room, user)


def bars(room_id: int) -> dict[str, list[int]]:
    """Stock of the room's current deals and coupons by public id, for the ticks: [available, held, sold, total] or [issued, total]."""
    found = {deal.public_id: deal.counts for deal in _open_deals().filter(room_id=room_id)}
    coupons = Coupon.objects.filter(room_id=room_id, state=CouponState.PUBLISHED)
    return found | {coupon.public_id: [coupon.issued, coupon.total] for coupon in coupons}


def current_deals(room: Room) -> list[Deal]:
    found = _open_deals().filter(room=room).select_related("sku__product__shop").prefetch_related("sku__product__pictures", "commitments")
    return list(found.order_by("-starts_at"))


def current_coupons(room: Room) -> list[Coupon]:
    moment = now()
    found = Coupon.objects.filter(Q(ends_at=None) | Q(ends_at__gt=moment - LINGER), room=room, state=CouponState.PUBLISHED)
    return list(found.select_related("product", "shop", "category").order_by("-starts_at"))


def _open_deals() -> QuerySet[Deal]:
    recent = Q(ends_at=None) | Q(ends_at__gt=now() - LINGER)
    return Deal.objects.filter(recent, state__in=[DealState.PUBLISHED, DealState.FROZEN, DealState.ENDED]).prefetch_related("leases")


def _cards(room: Room, *, pinned_id: int | None, only: int | None = None) -> list[ShelfCard]:
    items = room.shelf_items.filter(is_listed=True)
    if not room.is_rehearsal:  # its goods are for show: off the shelf everywhere, so that no checkout takes them
        items = items.filter(product__state=ProductState.ON_SALE)
    if only is not None:
        items = items.filter(pk=only)
    items = items.select_related("product__shop").prefetch_related("product__skus", "product__pictures", "product__category")
    deals = {deal.sku.product_id: deal for deal in current_deals(room) if deal.state == DealState.PUBLISHED}
    return [card for item in items if (card := _card(room, item, pinned_id, deals.get(item.product_id))) is not None]


def _card(room: Room, item: ShelfItem, pinned_id: int | None, deal: Deal | None) -> ShelfCard | None:
    skus = list(item.product.skus.all())
    sku = products.shown_sku(skus)
    if sku is None:
        return None
    pictures = list(item.product.pictures.all())
    return ShelfCard(
        item=item,
        sku=sku,
        price=offers.shelf_price(sku),
        picture=pictures[0].path if pictures else "",
        left=sum(sku.stock_available for sku in skus),
        is_pinned=item.pk == pinned_id,
        deal=deal,
        has_choice=len(skus) > 1,
        has_more_prices=len({sku.price_fen for sku in skus}) > 1,
        room_slug=room.slug,
    )
