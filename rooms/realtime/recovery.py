"""Catching up is state, not replay: one reading of a room as it is now answers everybody who missed something of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from django.core.cache import caches
from django.utils import translation

from liveshop import wiring
from liveshop.clock import server_ms
from rooms import chat, panels
from rooms.models import Room, RoomEvent
from rooms.realtime.frames import Frame, frame

log = structlog.get_logger(__name__)
CACHE_S = 2  # long enough for a storm of reconnects, too short for anyone to see an old price
MAX_MISSED_LINES = 50
MAX_ON_PAGE = 200  # lines that a page keeps
MAX_MISSED_EVENTS = 200  # who missed more gets every panel


@dataclass(frozen=True)
class Reading:
    """A room at one moment. `touched` tells each panel's last event after number `known_from`; `lines` are its latest as news, oldest first."""

    seq: int
    known_from: int
    touched: dict[str, int]
    panels: dict[str, str]
    lines: list[dict[str, Any]]
    gone: list[str]
    bars: dict[str, Any]

    def since(self, seq: int, last_line: str) -> dict[str, Any]:
        """What a browser at `seq` missed: the panels touched since, the lines after `last_line`, those taken away, and the stock bars.

        A `seq` from the future (another database, a forged number) and one too long ago get every panel, an unknown line the latest ones.
        """
        is_known = self.known_from <= seq <= self.seq
        touched = {name: html for name, html in self.panels.items() if not is_known or self.touched.get(name, 0) > seq}
        return {
            "seq": self.seq,
            "since": 0,
            "panels": touched,
            "chat": self.lines[self._places.get(last_line, 0) :],
            "gone": self.gone,
            "bars": self.bars,
        }

    @cached_property
    def _places(self) -> dict[str, int]:
        return {line["id"]: place for place, line in enumerate(self.lines, 1)}

    @cached_property
    def snapshot(self) -> Frame:
        """Everything, for sockets that fell behind: the same bytes for all of them."""
        told = {"seq": self.seq, "panels": self.panels, "chat": self.lines, "gone": self.gone, "bars": self.bars}
        return frame({"t": "snap", "now": server_ms(), **told})


def read(room_id: int, language: str) -> Reading:
    """The room as it is now."""
    present = Room.objects.values_list("seq", flat=True).get(pk=room_id)
    events = RoomEvent.objects.filter(room_id=room_id, seq__lte=present).order_by("-seq").values_list("seq", "panels")[:MAX_MISSED_EVENTS]
    touched: dict[str, int] = {}
    for seq, names in events:
        for name in names:
            touched.setdefault(name, seq)
    return Reading(
        seq=present,
        known_from=events[len(events) - 1][0] - 1 if len(events) == MAX_MISSED_EVENTS else 0,
        touched=touched,
        panels=draw(room_id, panels.names(), language),
        lines=_latest_lines(room_id, language),
        gone=chat.deleted(room_id, MAX_ON_PAGE),
        bars=wiring.load(wiring.STOCK_BARS)(room_id),
    )


def _latest_lines(room_id: int, language: str) -> list[dict[str, Any]]:
    with translation.override(language):
        return [chat.as_news(line) for line in chat.recent(room_id, MAX_MISSED_LINES)]


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


def lines(room_id: int, public_ids: list[str]) -> list[dict[str, Any]]:
    """Lines by id as news, if they are shown."""
    return [chat.as_news(line) for line in chat.shown(room_id).filter(public_id__in=public_ids).order_by("pk")]
