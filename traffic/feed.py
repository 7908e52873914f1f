"""What the first page shows: live rooms in public order, shows to come, shows that were."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Prefetch, QuerySet

from accounts.models import User
from catalog.models import Belt, Category, Product
from liveshop import clock
from rooms import presence
from rooms.models import Pin, Room, ShelfItem, Show, ShowReminder, ShowState
from rooms.video import addresses, sessions, tier
from traffic.ranking import Figures, arrange

LIVE_MAX = 60
UPCOMING_MAX = 8
ENDED_MAX = 8
ENDED_DAYS = 7


@dataclass(slots=True)
class Card:
    """A room on the first page; `item` is what it shows now, or the first thing on its shelf. `still` is where a picture of its stream is."""

    room: Room
    show: Show
    item: ShelfItem | None = None
    is_pinned: bool = False
    online: int = 0
    by_share: bool = False
    is_reserved: bool = False
    still: str = ""

    @property
    def product(self) -> Product | None:
        return self.item.product if self.item else None

    @property
    def picture(self) -> str:
        """The room's own cover, else its product's picture; empty for neither."""
        if self.room.cover:
            return self.room.cover
        cover = self.product.pictures.all()[0] if self.product and self.product.pictures.all() else None
        return cover.path if cover else ""

    @property
    def price_fen(self) -> int | None:
        """The lowest price among the product's variants."""
        return min((sku.price_fen for sku in self.product.skus.all()), default=None) if self.product else None

    @property
    def belt(self) -> Belt | None:
        return (self.product.belt or self.product.shop.belt) if self.product else None


@dataclass(frozen=True, slots=True)
class Feed:
    live: list[Card]
    upcoming: list[Card]
    ended: list[Card]
    categories: list[Category] = field(default_factory=list)


def feed(*, user: User | None = None, category: str = "") -> Feed:
    """The first page for `user` (None: a guest), live rooms of `category` (a slug) only when given."""
    live = _with_items(_on_air())
    categories = sorted({card.product.category for card in live if card.product}, key=lambda c: (c.position, c.pk))
    if category:
        live = [card for card in live if card.product and card.product.category.slug == category]
    _with_stills(live)
    return Feed(_ordered(live), _upcoming(user), _ended(), categories)


def after(slug: str) -> str | None:
    """The slug of the live room that follows `slug` in the public order; None when no other room is live."""
    order = [placed.room.slug for placed in arrange([_figures(card) for card in _on_air()])]
    others = [each for each in order if each != slug]
    if not others:
        return None
    return order[(order.index(slug) + 1) % len(order)] if slug in order else others[0]


def _on_air() -> list[Card]:
    shows = _shows().filter(state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).order_by("-started_at")[:LIVE_MAX]
    return [Card(show.room, show, online=presence.online(show.room_id)) for show in shows]


def _with_stills(cards: list[Card]) -> None:
    """Rooms that stream: one query for all."""
    moving = sessions.moving([card.show for card in cards])
    for card in cards:
        if card.show.pk in moving and tier.current().ladder(card.room.public_id).live:
            card.still = addresses.still_path(card.room.public_id)


def _ordered(cards: list[Card]) -> list[Card]:
    by_slug = {card.room.slug: card for card in cards}
    order = []
    for placed in arrange([_figures(card) for card in cards]):
        card = by_slug[placed.room.slug]
        card.by_share = placed.by_share
        order.append(card)
    return order


def _figures(card: Card) -> Figures:
    return Figures(
        slug=card.room.slug,
        followers=card.room.follower_count,
        online=card.online,
        orders=card.show.order_count,
        likes=card.show.like_count,
        started_ms=clock.to_ms(card.show.started_at) if card.show.started_at else 0,
    )


def _upcoming(user: User | None) -> list[Card]:
    since = clock.now() - timedelta(minutes=30)
    shows = _shows().filter(state__in=[ShowState.UPCOMING, ShowState.PREFLIGHT], planned_at__gt=since).order_by("planned_at")
    cards = [Card(show.room, show) for show in shows[:UPCOMING_MAX]]
    reserved = set()
    if user:
        reserved = set(ShowReminder.objects.filter(user=user, show__in=[card.show for card in cards]).values_list("show_id", flat=True))
    for card in cards:
        card.is_reserved = card.show.pk in reserved
    return _with_items(cards)


def _ended() -> list[Card]:
    """The latest show of each room that is not live, newest first."""
    since = clock.now() - timedelta(days=ENDED_DAYS)
    latest = (
        Show.objects.filter(state=ShowState.ENDED, ended_at__gt=since)
        .exclude(room__shows__state__in=[ShowState.LIVE, ShowState.INTERRUPTED])
        .order_by("room_id", "-ended_at")
        .distinct("room_id")
        .values("pk")
    )
    shows = _shows().filter(pk__in=latest).order_by("-ended_at")[:ENDED_MAX]
    return _with_items([Card(show.room, show) for show in shows])


def _shows() -> QuerySet[Show]:
    return Show.objects.filter(room__is_banned=False).select_related("room__anchor")


def _with_items(cards: list[Card]) -> list[Card]:
    """Adds to each card its pinned item, else the first of the shelf; three queries for all."""
    rooms = [card.room.pk for card in cards]
    items = ShelfItem.objects.filter(is_listed=True).select_related("product__category", "product__belt", "product__shop__belt")
    items = items.prefetch_related("product__pictures", "product__skus")
    pins = Pin.objects.filter(room__in=rooms, ended_at=None).prefetch_related(Prefetch("item", items))
    pinned = {pin.room_id: pin.item for pin in pins}
    rest = items.filter(room__in=set(rooms) - pinned.keys())
    first = {item.room_id: item for item in rest.order_by("room_id", "position", "number").distinct("room_id")}
    for card in cards:
        card.item = pinned.get(card.room.pk) or first.get(card.room.pk)
        card.is_pinned = card.room.pk in pinned
    return cards
