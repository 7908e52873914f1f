"""Talk and ambience between processes: by Redis and the channel layer, watched; while it is away or silent, by the database.

Without Redis there is one process, and what is said goes straight to its sockets: the layer in memory would do it as well, but
forgets its groups after a day.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

from liveshop import bus
from liveshop.threads import in_thread

WAIT_S = 2.0  # for one answer of the layer
PULSE_S = 1.0
SILENT_S = 4.0  # without an own pulse coming back the layer counts as away
log = structlog.get_logger(__name__)


class Layer:
    """This process's place in the layer; everything here runs in the server's event loop."""

    def __init__(self, deliver: Callable[[dict[str, Any]], None], came_back: Callable[[], None]) -> None:
        self.is_away = False
        self._deliver = deliver
        self._came_back = came_back
        self._rooms: set[int] = set()
        self._channel = ""
        self._pulse, self._heard = 0, 0
        self._heard_at = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take a channel and listen. A layer that is away is tried again for ever, without holding up those who join."""
        if not settings.REDIS_URL:
            return
        if not await self._try(self._take_channel):
            self._lose()
        self._heard_at = time.monotonic()
        self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._watch())]

    async def enter(self, room_id: int) -> None:
        """Hear what is said in this room."""
        self._rooms.add(room_id)
        if settings.REDIS_URL and not self.is_away and not await self._try(self._enter, room_id):
            self._lose()

    async def leave(self, room_id: int) -> None:
        """Hear it no more."""
        self._rooms.discard(room_id)
        if settings.REDIS_URL:
            await self._try(get_channel_layer().group_discard, group(room_id), self._channel)

    async def send(self, message: dict[str, Any]) -> None:
        """To every process that has a socket in `message["room"]`."""
        if not settings.REDIS_URL:
            self._deliver(message)
            return
        if not self.is_away:
            if await self._try(get_channel_layer().group_send, group(message["room"]), message):
                return
            self._lose()
        await in_thread(by_database)(message)

    async def _try(self, work: Callable[..., Any], *arguments: Any) -> bool:
        try:
            async with asyncio.timeout(WAIT_S):
                await work(*arguments)
        except Exception as error:
            log.warning("layer_failed", error=repr(error))
            return False
        return True

    async def _take_channel(self) -> None:
        self._channel = await get_channel_layer().new_channel("hub")

    async def _enter(self, room_id: int) -> None:
        await get_channel_layer().group_add(group(room_id), self._channel)

    async def _receive(self) -> None:
        while True:
            if not self._channel:
                await asyncio.sleep(PULSE_S)
                await self._try(self._take_channel)
                continue
            try:
                message = await get_channel_layer().receive(self._channel)
            except Exception:
                log.exception("layer_lost")
                await asyncio.sleep(PULSE_S)
                continue
            if message["type"] == "hub.pulse":
                self._hear(message["n"])
            else:
                self._deliver(message)

    def _hear(self, pulse: int) -> None:
        """A pulse that never came means that others' messages may not have come either."""
        has_hole, self._heard = pulse != self._heard + 1, pulse
        self._heard_at = time.monotonic()
        if has_hole and not self.is_away:
            self._came_back()

    async def _watch(self) -> None:
        """A message to ourselves each second shows whether the layer carries anything: sending alone would not show a deaf ear."""
        while True:
            await asyncio.sleep(PULSE_S)
            if self._channel:
                self._pulse += 1
                await self._try(get_channel_layer().send, self._channel, {"type": "hub.pulse", "n": self._pulse})
            if time.monotonic() - self._heard_at > SILENT_S:
                self._lose()
            elif self.is_away and all([await self._try(self._enter, room_id) for room_id in list(self._rooms)]):
                log.warning("layer_back")
                self.is_away = False
                self._came_back()  # what others sent meanwhile may have gone nowhere

    def _lose(self) -> None:
        if not self.is_away:
            log.warning("layer_away")
        self.is_away, self._heard_at = True, 0.0


def group(room_id: int) -> str:
    """The layer's group of a room: one member a process."""
    return f"room.{room_id}"


def by_database(message: dict[str, Any]) -> None:
    """The same message as a notice; for processes without the layer, and while it is away."""
    with transaction.atomic():
        bus.notify_in_tx("news", message)
