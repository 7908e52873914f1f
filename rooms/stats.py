"""Figures of a show: written in small guarded additions, read with the minute curve and its marks."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F
from django.utils import timezone

from rooms.models import RoomEvent, Show, ShowMinute, ShowState

MARKED_KINDS = ["pinned", "drop_pressed", "show_started", "show_interrupted", "show_ended"]


@dataclass(frozen=True, slots=True)
class ShowNumbers:
    """The studio's figures; money in fen. `gpm_fen` is sales per thousand views, None without a view."""

    online: int
    views: int
    viewers: int
    peak: int
    orders: int
    sales_fen: int
    gpm_fen: int | None
    follower_gain: int
    likes: int
    chats: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """An event on the curve."""

    minute: datetime
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A show's minutes, oldest first, and what happened in them."""

    minutes: list[ShowMinute]
    marks: list[Mark]


def note_sale_in_tx(*, show_id: int, sales_fen: int) -> None:
    """Count a paid order in the show and its minute."""
    if not connection.in_atomic_block:
        raise RuntimeError("note_sale_in_tx needs the caller's transaction")
    Show.objects.filter(pk=show_id).update(order_count=F("order_count") + 1, sales_fen=F("sales_fen") + sales_fen)
    add_to_minute(show_id=show_id, orders=1, sales_fen=sales_fen)


def add_to_minute(
    *, show_id: int, joins: int = 0, chats: int = 0, likes: int = 0, orders: int = 0, sales_fen: int = 0, online: int | None = None
) -> None:
    """Add to the present minute of the show's curve; `online` replaces the last value."""
    minute = timezone.now().replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO rooms_showminute (show_id, minute, online, joins, chats, likes, orders, sales_fen)
            VALUES (%(show)s, %(minute)s, coalesce(%(online)s, 0), %(joins)s, %(chats)s, %(likes)s, %(orders)s, %(sales)s)
            ON CONFLICT (show_id, minute) DO UPDATE SET
              online = coalesce(%(online)s, rooms_showminute.online), joins = rooms_showminute.joins + excluded.joins,
              chats = rooms_showminute.chats + excluded.chats, likes = rooms_showminute.likes + excluded.likes,
              orders = rooms_showminute.orders + excluded.orders, sales_fen = rooms_showminute.sales_fen + excluded.sales_fen
            """,
            {
                "show": show_id,
                "minute": minute,
                "online": online,
                "joins": joins,
                "chats": chats,
                "likes": likes,
                "orders": orders,
                "sales": sales_fen,
            },
        )


def numbers(show: Show, *, online: int = 0) -> ShowNumbers:
    """The figures as they are in the database now; `online` comes from presence."""
    fresh = Show.objects.get(pk=show.pk)
    return ShowNumbers(
        online=online,
        views=fresh.view_count,
        viewers=fresh.viewer_count,
        peak=fresh.peak_online,
        orders=fresh.order_count,
        sales_fen=fresh.sales_fen,
        gpm_fen=fresh.sales_fen * 1000 // fresh.view_count if fresh.view_count else None,
        follower_gain=fresh.follower_gain,
        likes=fresh.like_count,
        chats=fresh.chat_count,
        at=timezone.now(),
    )


def curve(show: Show) -> Curve:
    """The minutes of the show and its marks."""
    minutes = list(ShowMinute.objects.filter(show=show).order_by("minute"))
    events = RoomEvent.objects.filter(room_id=show.room_id, kind__in=MARKED_KINDS, at__gte=show.started_at or timezone.now())
    if show.state in (ShowState.ENDED, ShowState.BANNED) and show.ended_at:
        events = events.filter(at__lte=show.ended_at)
    marks = [
        Mark(event.at.replace(second=0, microsecond=0), event.kind, str(event.facts.get("number") or event.facts.get("title") or ""))
        for event in events.order_by("seq")
    ]
    return Curve(minutes, marks)
