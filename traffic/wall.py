"""The live wall: what is on now, for operators. Reads only; a figure whose source fails is None, never 0."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from django.db import DatabaseError
from django.db.models import Count, Q, Sum
from django.utils import timezone

from campaigns.models import Claim, Deal, DealState
from liveshop import capacity, health, jobs
from liveshop.capacity import Capacity
from orders.models import Order, OrderState
from rooms import presence
from rooms.models import Show, ShowState
from rooms.video import retention, tier
from rooms.video.models import MediaServer
from rooms.video.retention import Fullness

CLAIM_WINDOW_S = 10
log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WallRoom:
    """One live room: its show, people online now, and its open deals."""

    show: Show
    online: int | None
    deals: list[Deal]


@dataclass(frozen=True, slots=True)
class Wall:
    """The whole wall; money in fen, `claims_per_s` over the last ten seconds, `lag_s` how far the worker is behind."""

    at: datetime
    rooms: list[WallRoom]
    online: int | None
    claims_per_s: float | None
    orders_today: int | None
    sales_today_fen: int | None
    unpaid_orders: int | None
    lag_s: int | None
    capacity: Capacity | None
    redis: str  # unused, ok or away
    video: str  # empty: well or never used; "away"; or what is wrong with the media server
    full: Fullness | None


def wall() -> Wall:
    """Everything the operator sees at the start of a shift."""
    now = timezone.now()
    shows = (
        Show.objects.filter(state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).select_related("room__anchor").order_by("-sales_fen", "pk")
    )
    deals = _open_deals([show.room_id for show in shows], now)
    rooms = [WallRoom(show, _figure(partial(presence.online, show.room_id)), deals.get(show.room_id, [])) for show in shows]
    counts = [room.online for room in rooms if room.online is not None]
    today = _figure(lambda: _today(now)) or {}
    return Wall(
        at=now,
        rooms=rooms,
        online=sum(counts) if counts or not rooms else None,
        claims_per_s=_figure(lambda: _claims_per_s(now)),
        orders_today=today.get("orders"),
        sales_today_fen=today.get("sales"),
        unpaid_orders=_figure(lambda: Order.objects.filter(state=OrderState.UNPAID).count()),
        lag_s=_figure(lambda: int(jobs.figures().lag_s)),
        capacity=capacity.read(),
        redis=health.redis_state(),
        video=_figure(_video) or "",
        full=_figure(retention.fullness),
    )


def _video() -> str:
    server = tier.current().health()
    if server is None:
        return "away" if MediaServer.objects.exists() else ""
    return server.problem


def _open_deals(room_ids: list[int], now: datetime) -> dict[int, list[Deal]]:
    found: dict[int, list[Deal]] = {}
    current = Q(state=DealState.FROZEN) | Q(state=DealState.PUBLISHED, ends_at__gt=now)
    for deal in Deal.objects.filter(current, room_id__in=room_ids).prefetch_related("leases").order_by("starts_at"):
        found.setdefault(deal.room_id, []).append(deal)
    return found


def _claims_per_s(now: datetime) -> float:
    return Claim.objects.filter(claimed_at__gte=now - timedelta(seconds=CLAIM_WINDOW_S)).count() / CLAIM_WINDOW_S


def _today(now: datetime) -> dict[str, int]:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    paid: dict[str, int] = Order.objects.filter(paid_at__gte=midnight).aggregate(orders=Count("pk"), sales=Sum("paid_fen", default=0))
    return paid


def _figure(read: Callable[[], T]) -> T | None:
    """The figure, or None when its source is down: the wall greys it out."""
    try:
        return read()
    except (DatabaseError, OSError) as error:
        log.warning("wall_figure_missing", error=str(error))
        return None
