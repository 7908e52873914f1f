"""Stills of running streams: covers, and all that a viewer with little data sees of the picture.

The media process draws one when it is asked and the last is older than five seconds; the site's processes ask it, and keep what they
got for a moment. So a still costs the same whether one person looks or ten thousand.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from django.conf import settings

from rooms.video import addresses
from rooms.video.channel import Channel
from rooms.video.decoder import LARGEST
from rooms.video.decoding import PATIENCE_S

FRESH_S = 5.0
PASSED_ON_S = 3.0
KEPT = 256


@dataclass(frozen=True, slots=True)
class Still:
    """A JPEG, or nothing where there is none to have; `at` by the clock that only runs."""

    picture: bytes
    at: float


class Stills:
    """The last still of each room: asked for at most once in `fresh_s`, and by one at a time."""

    def __init__(self, draw: Callable[[str], Awaitable[bytes]], fresh_s: float) -> None:
        self._draw = draw
        self._fresh_s = fresh_s
        self._kept: dict[str, Still] = {}
        self._asked: dict[str, asyncio.Task[bytes]] = {}

    async def of(self, room: str) -> bytes:
        """The room's still now; empty without one."""
        kept = self._kept.get(room)
        if kept and time.monotonic() - kept.at < self._fresh_s:
            return kept.picture
        task = self._asked.get(room)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = self._asked[room] = asyncio.get_running_loop().create_task(self._renew(room))
        return await asyncio.shield(task)

    async def _renew(self, room: str) -> bytes:
        try:
            picture = await self._draw(room)
        finally:
            self._asked.pop(room, None)
        self._kept.pop(room, None)
        self._kept[room] = Still(picture, time.monotonic())
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return picture


def newest(channel: Channel) -> tuple[bytes, bytes] | None:
    """Init and keyframe that belong together, the newest of a stream that everybody may see."""
    if channel.state != "air":
        return None
    for segment in reversed(channel.segments):
        for part in reversed(segment.parts):
            init = channel.inits.get(part.epoch)
            if part.is_key and init and len(init.media) + len(part.media) <= LARGEST:
                return bytes(init.media), bytes(part.media)
    return None


async def fetch(room: str) -> bytes:
    """The media process's still, for a process that serves pages."""
    try:
        async with asyncio.timeout(PATIENCE_S + 1):
            return await _get(addresses.still_path(room))
    except (OSError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError):
        return b""


async def _get(path: str) -> bytes:
    """HTTP/1.0 over the media process's own socket."""
    if settings.MEDIA_SERVER.startswith("unix:"):
        reader, writer = await asyncio.open_unix_connection(settings.MEDIA_SERVER.removeprefix("unix:"))
    else:
        host, _colon, port = settings.MEDIA_SERVER.rpartition("/")[2].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: media\r\n\r\n".encode("ascii"))
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b"\r\n")[0].split()[1:2] != [b"200"]:
            return b""
        return await reader.read(-1) if b"image/jpeg" in head.lower() else b""
    finally:
        writer.close()
