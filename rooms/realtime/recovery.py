"""Catching up is state, not replay: the panels touched since a `seq`, drawn as they are now, and the chat lines missed."""

from collections.abc import Iterable
from typing import Any

import structlog
from django.core.cache import caches

from liveshop import wiring
from rooms import chat, panels
from rooms.models import Room, RoomEvent

log = structlog.get_logger(__name__)
CACHE_S = 2  # long enough for a storm of reconnects, too short for anyone to see an old price
MAX_MISSED_LINES = 50


def draw(room_id: int, names: Iterable[str], language: str) -> dict[str, str]:
    """Panels by name as HTML. Many browsers asking after one restart share the drawing: it is kept by room, panel, language and seq."""
    room = Room.objects.select_related("anchor").get(pk=room_id)
    drawn: dict[str, str] = {}
    for name in names:
        if name not in panels.names():
            continue
        key = f"panel:{room_id}:{name}:{language}:{room.seq}"
        html = caches["process"].get(key)
        if html is None:
            try:
                html = panels.render(room, name, language)
            except Exception:
                log.exception("panel_failed", panel=name, room=room.slug)
                continue  # one broken panel must not silence the others
            caches["process"].set(key, html, CACHE_S)
        drawn[name] = html
    return drawn


def catch_up(room_id: int, seq: int, last_line: str, language: str) -> dict[str, Any]:
    """What a browser at `seq` missed: `seq` now, the touched panels, the chat lines after `last_line`, and the stock bars as they are.

    A `seq` from the future (another database, a forged number) gets everything.
    """
    present = Room.objects.values_list("seq", flat=True).get(pk=room_id)
    if seq > present or seq < 0:
        touched = set(panels.names())
    else:
        events = RoomEvent.objects.filter(room_id=room_id, seq__gt=seq, seq__lte=present).values_list("panels", flat=True)
        touched = {name for names in events for name in names}
    missed = chat.after(room_id, last_line, MAX_MISSED_LINES)
    return {
        "seq": present,
        "since": 0,
        "panels": draw(room_id, sorted(touched), language),
        "chat": [chat.as_news(line) for line in missed],
        "bars": wiring.load(wiring.STOCK_BARS)(room_id),
    }


def snapshot(room_id: int, language: str) -> dict[str, Any]:
    """Everything, for a socket that fell behind."""
    present = Room.objects.values_list("seq", flat=True).get(pk=room_id)
    latest = chat.recent(room_id, MAX_MISSED_LINES)
    return {
        "seq": present,
        "panels": draw(room_id, panels.names(), language),
        "chat": [chat.as_news(line) for line in latest],
        "bars": wiring.load(wiring.STOCK_BARS)(room_id),
    }


def lines(room_id: int, public_ids: list[str]) -> list[dict[str, Any]]:
    """Lines by id as news, if they are shown."""
    return [chat.as_news(line) for line in chat.shown(room_id).filter(public_id__in=public_ids).order_by("pk")]
