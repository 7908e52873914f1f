"""What a viewer's page does, without the page: it remembers what it was told, comes back after a cut and asks again with the same keys."""

import asyncio
import json
import random
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from django.db import connection
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from campaigns.models import Claim, Deal
from liveshop.threads import in_thread
from rooms.models import Room
from rooms.realtime import recovery
from tests.browser.site import Site
from tests.scarce import require_exact
from tests.sockets.conftest import make_ticket

MOVING = re.compile(r'<div class="bar".*?</div>|data-(?:stock|phase|now)="[^"]*"', re.DOTALL)
CATCH_UP = "catch-up"
TRUTH_S = 5.0  # within this every screen shows what is so


class Viewer:
    """One browser in a room; `async with watching(viewers)` keeps it there."""

    def __init__(self, site: Site, room: Room, user: User | None = None, *, device: str = "", staff: bool = False) -> None:
        self.user = user
        ticket = make_ticket(room, user, device=device or uuid.uuid4().hex, staff=staff)
        self.address = f"{site.url.replace('http', 'ws', 1)}/ws/live/{room.public_id}?ticket={ticket}"
        self.socket: ClientConnection | None = None
        self.seq, self.joins, self.now = 0, 0, 0
        self.panels: dict[str, str] = {}
        self.has_all = False
        self.bars: dict[str, list[int]] = {}
        self.online = 0
        self.lines: list[str] = []
        self.codes: list[int] = []
        self.frames: list[str] = []
        self.asked: dict[str, str] = {}
        self.replies: dict[str, dict[str, Any]] = {}
        self.later: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        while not {4001, 4003, 4010} & set(self.codes):
            try:
                async with connect(self.address, open_timeout=20, max_size=None) as self.socket:
                    await self.catch_up()
                    for key, command in self.asked.items():
                        if key not in self.replies:
                            await self.socket.send(command)
                    async for text in self.socket:
                        self._take(json.loads(text))
            except (OSError, TimeoutError, EOFError):
                pass
            except ConnectionClosed as closed:
                self.codes.append(closed.rcvd.code if closed.rcvd else 1006)
            self.socket = None
            await asyncio.sleep(random.uniform(0.1, 0.5))

    async def catch_up(self) -> None:
        """The first asks for every panel there is, so that nothing which was never told can pass for right."""
        if self.socket:
            await self.socket.send(json.dumps({"c": "catch_up", "id": CATCH_UP, "seq": self.seq if self.has_all else -1, "chat": ""}))

    async def _catch_up_later(self) -> None:
        await asyncio.sleep(0.3)
        await self.catch_up()

    async def ask(self, name: str, *, key: str = "", wait_s: float = 30, **payload: Any) -> dict[str, Any]:
        """The answer to one command; it is sent again with its key after every cut."""
        key = key or str(uuid.uuid4())
        self.replies.pop(key, None)
        self.asked[key] = json.dumps({"c": name, "id": key, **payload})
        if self.socket:
            with suppress(ConnectionClosed):
                await self.socket.send(self.asked[key])
        await until(lambda: key in self.replies, wait_s)
        return self.replies[key]

    def _take(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame["t"])
        self.now = frame.get("now", self.now)
        if frame["t"] == "hello":
            self.joins += 1
        if frame["t"] == "reply":
            self.replies[frame["id"]] = frame
        if "panels" in frame and frame["seq"] >= self.seq:
            self.panels |= frame["panels"]
            self.seq = frame["seq"]
            self.has_all |= frame.get("kind") == "caught_up" or frame["t"] == "snap"
        elif frame.get("kind") == "caught_up" or frame.get("id") == CATCH_UP and not frame["ok"]:
            self.later = asyncio.create_task(self._catch_up_later())  # as the page does: it was drawn too early, or could not be read
        self.online = frame.get("online", self.online)
        self.bars |= frame.get("bars") or {}
        self.lines += [line["id"] for line in frame.get("chat") or []]


async def until(condition: Callable[[], bool], wait_s: float) -> None:
    """Raises TimeoutError when it does not come true."""
    async with asyncio.timeout(wait_s):
        while not condition():  # noqa: ASYNC110 - many sockets change what it reads
            await asyncio.sleep(0.02)


def evening(viewers: Sequence[Viewer], work: Callable[[], Awaitable[Any]]) -> Any:
    """Run `work()` while all of them watch."""

    async def run() -> Any:
        watching = [asyncio.create_task(viewer.watch()) for viewer in viewers]
        try:
            await until(lambda: all(viewer.joins for viewer in viewers), 30)
            return await work()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    connection.close()
    try:
        return asyncio.run(run())
    finally:
        connection.close()  # its server may have died meanwhile


async def require_truth(viewers: Sequence[Viewer], room: Room, *deals: Deal) -> None:
    """Every screen shows what the database says, within `TRUTH_S`."""
    deadline = time.monotonic() + TRUTH_S
    while True:
        now, seq, bars = await in_thread(_truth)(room, deals)
        wrong = [told for viewer in viewers if (told := _what_is_wrong(viewer, now, seq, bars))]
        if not wrong:
            return
        assert time.monotonic() < deadline, f"{len(wrong)} of {len(viewers)}: {wrong[0]}"
        await asyncio.sleep(0.2)


def _truth(room: Room, deals: Sequence[Deal]) -> tuple[dict[str, str], int, dict[str, list[int]]]:
    reading = recovery.read(room.pk, "zh-hans")
    bars = {}
    for deal in deals:
        deal.refresh_from_db()
        bars[deal.public_id] = [deal.available, deal.held, deal.sold, deal.total]
    return reading.panels, reading.seq, bars


def _what_is_wrong(viewer: Viewer, now: dict[str, str], seq: int, bars: dict[str, list[int]]) -> str:
    stale = [name for name in now if without_clock(viewer.panels.get(name, "never told")) != without_clock(now[name])]
    if viewer.seq == seq and not stale and all(viewer.bars.get(name) == units for name, units in bars.items()):
        return ""
    return f"seq {viewer.seq} of {seq}, bars {viewer.bars} of {bars}, stale {stale}, {viewer.codes}, {viewer.frames[-20:]}"


def without_clock(html: str) -> str:
    """A panel without what the page keeps true by itself: times, and the units that come as `bars`."""
    return MOVING.sub("", html)


def require_kept(deal: Deal, viewers: Sequence[Viewer]) -> list[str]:
    """Every acknowledged claim is there once, and the deal adds up; returns the acknowledged ones."""
    won = [reply["claim"] for viewer in viewers for reply in viewer.replies.values() if reply.get("code") == "WON"]
    assert len(won) == len(set(won))
    rows = Claim.objects.filter(deal=deal)
    assert rows.filter(public_id__in=won).count() == len(won)
    require_exact(deal)
    return won
