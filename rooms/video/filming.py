"""The camera of an anchor's browser: pieces of its recording come by websocket and go through a converter into a broadcast."""

import asyncio
import contextlib
import json
import math
import re
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import structlog
from django.conf import settings
from django.utils import translation

from liveshop.refusals import Refused, explain
from liveshop.threads import in_thread
from rooms.models import Room
from rooms.realtime import closes
from rooms.realtime.sinks import Send
from rooms.video import aac, cameras, flv, h264, reasons
from rooms.video.broadcast import Broadcast
from rooms.video.converter import AUDIO, AUDIO_CONFIG, DELTA, FAILED, FRAME, KEY, VIDEO_CONFIG
from rooms.video.decoding import REPOSITORY, environment
from rooms.video.models import StreamSource
from rooms.video.pace import Pace
from rooms.video.station import Station
from rooms.video.units import BadMedia, Unsupported, VideoUnit

MIME = re.compile(r"video/(webm|mp4)(;codecs=\"?[\w.,\- ]{1,60}\"?)?")
MAX_PIECE = 1 << 20
MAX_WAITING = 8 << 20
MAX_UNIT = 4 << 20
MAX_CLOCK_MS = 2.0**42  # a century; a browser begins at nought
SILENCE_S = 15.0
Cut = Callable[[str], None]
log = structlog.get_logger(__name__)


class Studio:
    """All cameras of the media process."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.gate = cameras.Gate()
        self.transcoding = 0

    async def film(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """One camera's websocket: a line of JSON with its MIME type, then the recording."""
        await receive()
        await send({"type": "websocket.accept"})
        query = parse_qs(scope["query_string"].decode("ascii", "replace"))
        public_id = scope["url_route"]["kwargs"]["room"]
        try:
            self.gate.admit(query.get("ticket", [""])[0], public_id)
        except cameras.BadCameraTicket:
            return await _say_no(send, "", closes.TICKET)
        kind = _kind((await _next(receive)).get("text"))
        room = await in_thread(Room.objects.filter(public_id=public_id).first)()
        if kind is None or room is None:
            return await _say_no(send, "camera_failed", closes.REFUSED)
        over = asyncio.Event()
        why: list[str] = []

        def cut(reason: str) -> None:
            why.append(reason)
            over.set()

        try:
            broadcast = await self.station.publish(room, StreamSource.CAMERA, cut)
        except Refused as refused:
            return await _say_no(send, explain(refused).sentence, closes.REFUSED)
        broadcast.encoder = _agent(scope)
        await self._convert(kind, broadcast, receive, over, cut)
        await broadcast.close(why[0] if why else "camera_closed")
        if why and why[0] not in ("lost", "camera_closed"):
            await _say_no(send, why[0], closes.OVER)

    async def _convert(self, kind: str, broadcast: Broadcast, receive: Any, over: asyncio.Event, cut: Cut) -> None:
        may_transcode = self.transcoding < settings.STREAM_TRANSCODES_MAX
        needs = "h264" not in kind and "avc1" not in kind
        self.transcoding += needs and may_transcode
        converter = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rooms.video.converter", kind.partition(";")[0], "transcode" if needs and may_transcode else "copy"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=REPOSITORY,
            env=environment(),
        )
        broadcast.expect_sound()
        tasks = [asyncio.ensure_future(work) for work in (_feed(converter, receive, cut), _read(converter, broadcast, cut), over.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.transcoding -= needs and may_transcode
            for task in tasks:
                task.cancel()
            with contextlib.suppress(ProcessLookupError):
                converter.kill()
            await asyncio.gather(*tasks, return_exceptions=True)
            await converter.wait()


async def _feed(converter: asyncio.subprocess.Process, receive: Any, cut: Cut) -> None:
    """What the browser sends, to the converter."""
    assert converter.stdin
    pace = Pace()
    while True:
        message = await _next(receive)
        if message["type"] == "websocket.disconnect":
            return cut("lost" if message.get("code") not in (1000, 1005) else "camera_closed")
        piece = message.get("bytes")
        if not piece:
            continue
        if len(piece) > MAX_PIECE or converter.stdin.transport.get_write_buffer_size() > MAX_WAITING:
            return cut("camera_failed")
        if not pace.takes(len(piece)):
            return cut(reasons.reason("too_fast", str(settings.STREAM_KBPS_MAX // 1000)))
        converter.stdin.write(piece)


async def _read(converter: asyncio.subprocess.Process, broadcast: Broadcast, cut: Cut) -> None:
    """What the converter makes of it, to the broadcast."""
    assert converter.stdout
    try:
        while True:
            kind, dts, shift, size = FRAME.unpack(await converter.stdout.readexactly(FRAME.size))
            if size > MAX_UNIT:
                return cut("damaged")
            data = await converter.stdout.readexactly(size)
            if kind == FAILED:
                return cut("".join(filter(str.isprintable, data.decode("utf-8", "replace")))[:120])  # hostile bytes may have taken it over
            _add(broadcast, kind, dts, shift, data)
    except asyncio.IncompleteReadError:
        return cut("camera_failed")
    except Unsupported as wrong:
        return cut(reasons.reason(wrong.code, wrong.what))
    except BadMedia:
        return cut("damaged")


def _add(broadcast: Broadcast, kind: int, dts: float, shift: float, data: bytes) -> None:
    if not (math.isfinite(dts) and abs(dts) <= MAX_CLOCK_MS and abs(shift) <= flv.MAX_SHIFT_MS):  # NaN is not within either
        raise BadMedia("impossible times")
    if kind == VIDEO_CONFIG:
        broadcast.add(h264.config_of(data))
    elif kind == AUDIO_CONFIG:
        broadcast.add(aac.config_of(data))
    elif kind in (KEY, DELTA):
        broadcast.add(VideoUnit(dts, shift, h264.is_key(data), data))
    elif kind == AUDIO:
        broadcast.add(aac.frame_of(dts, data))


async def _next(receive: Any) -> dict[str, Any]:
    """The next message; silence ends like a lost line."""
    try:
        async with asyncio.timeout(SILENCE_S):
            message: dict[str, Any] = await receive()
            return message
    except TimeoutError:
        return {"type": "websocket.disconnect", "code": 1006}


def _kind(text: str | None) -> str | None:
    """webm or mp4 and the codecs, from the browser's first line."""
    try:
        mime = str(json.loads(text or "")["mime"])[:100]
    except (ValueError, KeyError, TypeError):
        return None
    return mime.removeprefix("video/").lower() if MIME.fullmatch(mime) else None


def _agent(scope: dict[str, Any]) -> str:
    found = next((value.decode("latin-1") for key, value in scope["headers"] if key == b"user-agent"), "")
    for name in ("Edg", "Firefox", "Chrome", "Safari"):
        if name in found:
            return {"Edg": "Edge"}.get(name, name)
    return ""


async def _say_no(send: Send, why: str, code: int) -> None:
    """Tell the anchor's page why, in the site's first language, then close."""
    with contextlib.suppress(OSError, RuntimeError):
        if why:
            with translation.override(settings.LANGUAGE_CODE):
                await send({"type": "websocket.send", "text": json.dumps({"t": "refused", "why": reasons.sentence(why)})})
        await send({"type": "websocket.close", "code": code})
