"""The viewers' doors, one ASGI application for the media process and for every process that serves pages: websocket and HLS.

They differ in where a room's channel comes from: `Source`.
"""

import re
from typing import Any, Protocol
from urllib.parse import parse_qs

import structlog
from django.conf import settings

from rooms.realtime import closes
from rooms.realtime.frames import frame
from rooms.realtime.sinks import PortableSink, Send, Sink, sink_for
from rooms.realtime.tickets import BadTicket, Ticket, read
from rooms.video import addresses, packets
from rooms.video.channel import Channel, Viewer

MAX_FROM_ONE = 8  # windows of one person
LONGEST_NAME = 24
ROOM = re.compile(r"[A-Za-z0-9_-]{1,16}")
MAX_SAID = 50  # viewers have nothing to say
log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where the channels come from."""

    async def attach(self, room: str) -> Channel:
        """The room's channel, fed from now on."""
        ...

    def detach(self, channel: Channel) -> None:
        """One viewer less."""
        ...

    async def look(self, room: str) -> Channel:
        """The channel for a single request, filled as far as it can be had at once."""
        ...

    async def still(self, room: str) -> bytes:
        """A JPEG of what is on air; empty without one."""
        ...

    def refusal_of(self, ticket: Ticket) -> int:
        """A close code for who was banned since the ticket was issued, or 0."""
        ...


class BinarySink(PortableSink):
    """ASGI's own `send` for binary messages, where the server offers nothing quicker."""

    async def _drain(self) -> None:
        try:
            while self._waiting:
                first = self._waiting[0]
                content: dict[str, Any] = {"text": first.text} if first.text else {"bytes": packets.message_of(first.wire)}
                await self._send({"type": "websocket.send", **content})
                if self._waiting:  # not aborted meanwhile
                    self._waiting.popleft()
                    self._bytes -= len(first.wire)
        except Exception:
            self._waiting.clear()
            self._bytes = 0
        finally:
            self._task = None


async def watch(scope: dict[str, Any], receive: Any, send: Send, source: Source) -> None:
    """A viewer's websocket from handshake to close."""
    await receive()
    room = scope["url_route"]["kwargs"]["room"]
    is_relay = _header(scope, addresses.RELAY_HEADER) == addresses.relay_secret()
    await send({"type": "websocket.accept"})
    ticket: Ticket | None = None
    if not is_relay:
        try:
            ticket = read(parse_qs(scope["query_string"].decode("ascii", "replace")).get("ticket", [""])[0], room)
        except BadTicket:
            await send({"type": "websocket.close", "code": closes.TICKET})
            return
        if refusal := source.refusal_of(ticket):
            await send({"type": "websocket.close", "code": refusal})
            return

    async def close(code: int) -> None:
        await send({"type": "websocket.close", "code": code})

    channel = await source.attach(room)
    viewer = Viewer(ticket, media_sink(send), close)
    try:
        if ticket and _is_full(channel, ticket):
            await viewer.close(closes.TOO_MANY)
            return
        channel.join(viewer, whole=is_relay)
        if is_relay:
            viewer.tell(frame({"t": "caught_up"}))
        await _listen(receive, viewer)
    finally:
        channel.leave(viewer)
        source.detach(channel)


async def playlist_or_segment(scope: dict[str, Any], receive: Any, send: Send, source: Source) -> None:
    """HLS: `index.m3u8`, `i<epoch>.mp4` and `s<number>.m4s` below a token."""
    kwargs = scope["url_route"]["kwargs"]
    room, name = kwargs["room"], kwargs["name"]
    if scope["method"] not in ("GET", "HEAD"):
        return await _answer(scope, send, 405)
    if not addresses.holds(room, kwargs["token"]):
        return await _answer(scope, send, 403)
    if len(name) > LONGEST_NAME:
        return await _answer(scope, send, 404)
    channel = await source.look(room)
    if channel.state != "air":
        return await _answer(scope, send, 404, retry=True)
    if name == "index.m3u8":
        text = channel.playlist()
        if "#EXTINF" not in text:
            return await _answer(scope, send, 404, retry=True)
        return await _answer(scope, send, 200, text.encode(), "application/vnd.apple.mpegurl", "no-cache")
    if name.startswith("i") and name.endswith(".mp4") and name[1:-4].isdecimal():
        init = channel.inits.get(int(name[1:-4]))
        if init:
            return await _answer(scope, send, 200, bytes(init.media), "video/mp4", "private, max-age=60")
    if name.startswith("s") and name.endswith(".m4s") and name[1:-4].isdecimal():
        segment = channel.segment(int(name[1:-4]))
        if segment:
            return await _answer(scope, send, 200, segment.data(), "video/mp4", "public, max-age=60")
    return await _answer(scope, send, 404)


async def still(scope: dict[str, Any], receive: Any, send: Send, source: Source) -> None:
    """The room's picture of a moment ago. It asks for no ticket: covers are for everybody, and nothing but what is on air is drawn."""
    room = scope["url_route"]["kwargs"]["room"]
    if scope["method"] not in ("GET", "HEAD"):
        return await _answer(scope, send, 405)
    picture = await source.still(room) if ROOM.fullmatch(room) else b""
    if not picture:
        return await _answer(scope, send, 404, retry=True)
    await _answer(scope, send, 200, picture, "image/jpeg", "public, max-age=5")


def media_sink(send: Send) -> Sink:
    """The fastest writer this server allows."""
    sink = sink_for(send)
    return BinarySink(send, sink._transport) if isinstance(sink, PortableSink) else sink


async def _listen(receive: Any, viewer: Viewer) -> None:
    """Until the socket closes; a viewer who talks too much is let go."""
    said = 0
    while (await receive())["type"] != "websocket.disconnect":
        said += 1
        if said > MAX_SAID:
            await viewer.close(closes.ABUSE)
            return


def _is_full(channel: Channel, ticket: Ticket) -> bool:
    own = sum(1 for viewer in channel.viewers if viewer.ticket and viewer.ticket.person == ticket.person)
    return own >= MAX_FROM_ONE or (len(channel.viewers) >= settings.STREAM_VIEWERS_MAX and not ticket.is_staff)


def _header(scope: dict[str, Any], name: str) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name.encode()), "")


async def _answer(
    scope: dict[str, Any],
    send: Send,
    status: int,
    body: bytes = b"",
    kind: str = "text/plain",
    cache: str = "no-store",
    *,
    retry: bool = False,
) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), (b"cache-control", cache.encode())]
    headers += [(b"x-content-type-options", b"nosniff"), *([(b"retry-after", b"2")] if retry else [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
