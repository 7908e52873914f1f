"""The stream in a process that serves pages: one connection a room to the media process, handed on to all viewers of this process.

So video needs no address and no port of its own: it comes from where the page came from. A proxy may send `/media/live/`
straight to the media process, which answers the same way.
"""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

import structlog
from django.conf import settings
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import WebSocketException

from liveshop import bus
from rooms.realtime import closes
from rooms.realtime.hub import hub
from rooms.realtime.tickets import Ticket
from rooms.video import addresses, packets, stills
from rooms.video.channel import Channel, Viewer

IDLE_S = 20.0
FIRST_FILL_S = 3.0
RETRY_S = (0.2, 0.5, 1.0, 2.0)
log = structlog.get_logger(__name__)


def media_connect(path: str, **options: Any) -> connect:
    """A websocket to the media process."""
    options = {"compression": None, "max_size": packets.LARGEST, "open_timeout": 5, "max_queue": 64} | options
    options["additional_headers"] = {addresses.RELAY_HEADER: addresses.relay_secret()}
    if settings.MEDIA_SERVER.startswith("unix:"):
        return unix_connect(settings.MEDIA_SERVER.removeprefix("unix:"), f"ws://media{path}", **options)
    return connect(f"{settings.MEDIA_SERVER.replace('http', 'ws', 1)}{path}", **options)


class _Feed:
    """One room's connection, open while anybody watches."""

    def __init__(self, room: str) -> None:
        self.channel = Channel(room)
        self.channel.on_stuck = self._close_slow
        self.filled = asyncio.Event()
        self.used_at = time.monotonic()
        self.task = asyncio.get_running_loop().create_task(self._run())

    def is_idle(self) -> bool:
        return not self.channel.viewers and time.monotonic() - self.used_at > IDLE_S

    async def _run(self) -> None:
        tries = 0
        while not self.is_idle():
            try:
                async with media_connect(addresses.live_path(self.channel.room)) as upstream:
                    tries = 0
                    await self._read(upstream)
            except (OSError, TimeoutError, WebSocketException) as error:
                log.info("media_away", room=self.channel.room, error=str(error)[:120])
            if self.channel.state != "off":
                self.channel.set_state("off", reason="process_gone")
            self.channel.clear()
            self.filled.set()
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    async def _read(self, upstream: ClientConnection) -> None:
        """What the media process keeps comes first, silently, up to `caught_up`; then everything as it comes."""
        is_live = False
        while not self.is_idle():
            try:
                message = await asyncio.wait_for(upstream.recv(), IDLE_S)
            except TimeoutError:
                continue
            if isinstance(message, bytes):
                packet = packets.read(message)
                (self.channel.push if is_live else self.channel.keep)(packet)
                continue
            told = json.loads(message)
            if told["t"] == "stream":
                self.channel.set_state(told["state"], told["session"], told["why"])
            elif told["t"] == "caught_up":
                is_live = True
                self.channel.catch_up_all()
                self.filled.set()

    def _close_slow(self, viewer: Viewer) -> None:
        _close(viewer, closes.SLOW)


def _close(viewer: Viewer, code: int) -> None:
    async def closing() -> None:
        await viewer.close(code)

    task = asyncio.get_running_loop().create_task(closing())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


_closing: set[asyncio.Task[None]] = set()


class Relay:
    """All feeds of this process."""

    def __init__(self) -> None:
        self._feeds: dict[str, _Feed] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stills = stills.Stills(stills.fetch, stills.PASSED_ON_S)

    async def attach(self, room: str) -> Channel:
        return (await self._feed(room)).channel

    def detach(self, channel: Channel) -> None:
        feed = self._feeds.get(channel.room)
        if feed:
            feed.used_at = time.monotonic()

    async def look(self, room: str) -> Channel:
        feed = await self._feed(room)
        with suppress(TimeoutError):
            await asyncio.wait_for(feed.filled.wait(), FIRST_FILL_S)
        return feed.channel

    async def still(self, room: str) -> bytes:
        """Drawn by the media process: a process that serves pages decodes nothing."""
        return await self._stills.of(room)

    def refusal_of(self, ticket: Ticket) -> int:
        return hub.refusal_of(ticket)

    async def _feed(self, room: str) -> _Feed:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._feeds = loop, {}
            await hub.start()  # it knows who was sent away
            bus.subscribe("kill", self._on_kill)
        self._feeds = {name: feed for name, feed in self._feeds.items() if not feed.task.done()}
        feed = self._feeds.get(room)
        if feed is None:
            feed = self._feeds[room] = _Feed(room)
        feed.used_at = time.monotonic()
        return feed

    def _on_kill(self, notice: dict[str, Any]) -> None:
        """The hub, told first, knows whose tickets are void from now on."""
        for feed in self._feeds.values():
            for viewer in list(feed.channel.viewers):
                code = hub.refusal_of(viewer.ticket) if viewer.ticket else 0
                if code:
                    _close(viewer, code)


relay = Relay()
