"""The RTMP door: encoders connect, show their key and stream. Bounded in time, rate and number, so that nobody holds the others up."""

import asyncio
import ssl
import time
from collections import defaultdict, deque
from typing import Any, cast

import structlog
from django.conf import settings

from liveshop.refusals import Refused
from rooms.video import flv
from rooms.video.broadcast import Broadcast
from rooms.video.pace import Pace
from rooms.video.reasons import plain, reason
from rooms.video.rtmp import BadRtmp, Event, Media, Metadata, Publish, RtmpSession, Unpublish
from rooms.video.station import Station
from rooms.video.units import BadMedia, Unsupported

OPENING_S = 10.0
SILENCE_S = 15.0
LOOK_S = 2.0
MAX_CONNECTIONS = 200
MAX_FROM_ONE = 12
MAX_WRONG_KEYS = 8
FORGET_S = 60.0
MAX_OUT = 1 << 20
APP = "live"
log = structlog.get_logger(__name__)


class Doorkeeper:
    """Counts connections and wrong keys by address."""

    def __init__(self) -> None:
        self.open: dict[str, int] = defaultdict(int)
        self._wrong: dict[str, deque[float]] = {}

    def admits(self, peer: str) -> bool:
        """Whether one more connection from there is taken."""
        recent = self._recent(peer)
        return sum(self.open.values()) < MAX_CONNECTIONS and self.open[peer] < MAX_FROM_ONE and len(recent) < MAX_WRONG_KEYS

    def note_wrong_key(self, peer: str) -> None:
        if len(self._wrong) > 10_000:
            self._wrong.clear()
        self._wrong.setdefault(peer, deque(maxlen=MAX_WRONG_KEYS)).append(time.monotonic())

    def leave(self, peer: str) -> None:
        self.open[peer] -= 1
        if self.open[peer] <= 0:
            del self.open[peer]

    def _recent(self, peer: str) -> "deque[float]":
        recent = self._wrong.get(peer, deque())
        while recent and recent[0] < time.monotonic() - FORGET_S:
            recent.popleft()
        return recent


class RtmpConnection(asyncio.Protocol):
    """One encoder."""

    def __init__(self, station: Station, doorkeeper: Doorkeeper) -> None:
        self.station = station
        self.doorkeeper = doorkeeper
        self.peer = ""
        self._session = RtmpSession()
        self._pace = Pace()
        self._transport: asyncio.Transport | None = None
        self._broadcast: Broadcast | None = None
        self._why = ""
        self._opened = self._heard = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._is_counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has its own kind
        self.peer = str((transport.get_extra_info("peername") or ["?"])[0])
        if not self.doorkeeper.admits(self.peer):
            self._transport.abort()
            return
        self.doorkeeper.open[self.peer] += 1
        self._is_counted = True
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def data_received(self, data: bytes) -> None:
        self._heard = time.monotonic()
        if not self._pace.takes(len(data)):
            self._end(reason("too_fast", str(settings.STREAM_KBPS_MAX // 1000)))
            return
        try:
            events = self._session.receive(data)
            for event in events:
                self._take(event)
        except BadRtmp as wrong:
            log.info("rtmp_refused", peer=self.peer, why=str(wrong))
            self._end("protocol")
        except Unsupported as wrong:
            self._end(reason(wrong.code, wrong.what))
        except BadMedia:
            self._end("damaged")
        except Exception:  # a mistake of ours ends this one stream with a reason, and is in the log
            log.exception("stream_broke_the_reader", peer=self.peer)
            self._end("damaged")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        if self._is_counted:
            self.doorkeeper.leave(self.peer)
        if self._broadcast:
            self.station.spawn(self._broadcast.close(self._why or "lost"))

    def _take(self, event: Event) -> None:
        if isinstance(event, Media):
            if self._broadcast and not self._why:
                unit = (flv.read_video if event.is_video else flv.read_audio)(event.timestamp, event.body)
                if unit is not None:
                    self._broadcast.add(unit)
        elif isinstance(event, Publish):
            if self._transport:
                self._transport.pause_reading()
            self.station.spawn(self._admit(event))
        elif isinstance(event, Metadata):
            self._note(event.values)
        elif isinstance(event, Unpublish):
            self._end("unpublished")

    async def _admit(self, asked: Publish) -> None:
        """Ask the database whose key this is, then go on reading or say no."""
        why = "the stream key is not valid"
        try:
            broadcast = await self.station.publish_by_key(asked.key, self._end) if asked.app.split("/")[0] == APP else None
        except Refused as refused:
            broadcast, why = None, f"not allowed: {refused.code}"
        except Exception:
            log.exception("publish_failed", peer=self.peer)
            broadcast, why = None, "the site cannot take the stream now, try again"
        transport = self._transport
        if transport is None or transport.is_closing():
            if broadcast:
                await broadcast.close("lost")
            return
        if broadcast is None:
            log.info("publish_refused", peer=self.peer, app=asked.app[:40], why=why)
            self.doorkeeper.note_wrong_key(self.peer)
            self._session.refuse(why)
            self._flush()
            transport.close()
            return
        self._broadcast = broadcast
        self._session.accept()
        self._flush()
        transport.resume_reading()

    def _note(self, values: dict[str, Any]) -> None:
        if self._broadcast:
            self._broadcast.encoder = "".join(filter(str.isprintable, str(values.get("encoder", ""))))[:80]  # the database takes no NUL
            if values.get("audiocodecid") not in (None, 0, ""):
                self._broadcast.expect_sound()

    def _end(self, why: str) -> None:
        """Close, telling the encoder why where it may read it."""
        if self._why:
            return
        self._why = why
        if self._transport is None or self._transport.is_closing():
            return
        if why != "unpublished" and self._session.is_publishing:
            self._session.refuse(plain(why))
            self._flush()
        self._transport.close()

    def _look(self) -> None:
        """Who does not come to the point, or says nothing any more, is let go."""
        now = time.monotonic()
        limit = SILENCE_S if self._broadcast else OPENING_S
        since = self._heard if self._broadcast else self._opened
        if now - since > limit:
            self._end("silent")
            if self._transport:
                self._transport.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _flush(self) -> None:
        out = self._session.take_output()
        if not out or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(out)
        if self._transport.get_write_buffer_size() > MAX_OUT:
            self._transport.abort()  # it asks and never reads the answers


async def listen(station: Station, host: str, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
    """Raises OSError when the port cannot be had."""
    doorkeeper = Doorkeeper()
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: RtmpConnection(station, doorkeeper), host, port, ssl=tls, backlog=64, reuse_address=True)
