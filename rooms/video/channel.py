"""One room's stream in one process: the last segments in memory, and the viewers' sockets, which all get the same bytes.

In the media process a publisher feeds it; in a process that serves pages, the media process does. Nothing here waits.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from rooms.realtime.frames import Frame, frame
from rooms.realtime.sinks import Sink
from rooms.realtime.tickets import Ticket
from rooms.video import packets, playlist
from rooms.video.packets import Packet

KEEP_SEGMENTS = 10
KEEP_BYTES = 64 << 20  # half a minute of the richest stream that is let in
BACKLOG_BYTES = 3_000_000  # some seconds of a rich stream; beyond it a viewer skips to the next keyframe
BACKLOG_PARTS_MS = 4000
PATIENCE_S = 10.0
CLOSING_S = 5.0  # for the close code to go out and be answered


@dataclass(slots=True)
class LiveSegment:
    """From one keyframe to the next that is at least a second later."""

    number: int
    epoch: int
    wall_ms: float
    parts: list[Packet] = field(default_factory=list)
    is_done: bool = False
    size: int = 0

    @property
    def duration_ms(self) -> float:
        return sum(part.duration_ms for part in self.parts)

    def data(self) -> bytes:
        return b"".join(part.media for part in self.parts)


class Viewer:
    """A socket. `sink` writes without waiting; a viewer who cannot follow loses pictures up to the next keyframe."""

    __slots__ = ("_close", "dropped", "is_closing", "is_skipping", "sink", "stuck_since", "ticket")

    def __init__(self, ticket: Ticket | None, sink: Sink, close: Callable[[int], Awaitable[None]]) -> None:
        self.ticket = ticket
        self.sink = sink
        self._close = close
        self.is_closing = False
        self.is_skipping = False
        self.dropped = 0
        self.stuck_since = 0.0

    @property
    def sees_rehearsals(self) -> bool:
        """Operators, and the processes that pass the stream on, also get what is not on air."""
        return self.ticket is None or self.ticket.is_staff

    def offer(self, packet: Packet, bound: int) -> None:
        """Write the packet unless the socket is too far behind."""
        if self.is_closing:
            return
        backlog = self.sink.backlog()
        is_over = backlog > bound
        self.stuck_since = (self.stuck_since or time.monotonic()) if is_over else 0.0
        if packet.kind == packets.PART:
            self.is_skipping = self.is_skipping or is_over
            if self.is_skipping and (not packet.is_key or backlog > bound // 2):
                self.dropped += 1
                return
            self.is_skipping = False
        self.sink.write(Frame("", packet.wire))

    def tell(self, message: Frame) -> None:
        self.sink.write(message)

    async def close(self, code: int) -> None:
        """Send the close code, once; a socket that does not take it is cut off."""
        if self.is_closing:
            return
        self.is_closing = True
        asyncio.get_running_loop().call_later(CLOSING_S, self.sink.abort)
        with suppress(OSError, RuntimeError, TimeoutError):  # it went first
            async with asyncio.timeout(CLOSING_S):
                await self._close(code)

    def is_stuck(self) -> bool:
        return bool(self.stuck_since) and time.monotonic() - self.stuck_since > PATIENCE_S


class Channel:
    """`state` is "off", "rehearsal" (only operators see it) or "air"."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.state = "off"
        self.session = ""
        self.viewers: set[Viewer] = set()
        self.segments: deque[LiveSegment] = deque()
        self.inits: dict[int, Packet] = {}
        self.init: Packet | None = None
        self.gone_epochs = 0
        self.on_stuck: Callable[[Viewer], None] = lambda viewer: None

    def set_state(self, state: str, session: str = "", reason: str = "") -> None:
        """Tell viewers whether there is something to see; who may see it now gets the stream from its last keyframe on."""
        was, self.state, self.session = self.state, state, session
        if state == "air" and was != "air":
            while len(self.segments) > 1:  # what operators saw before is not for everybody
                self._forget_oldest()
        if state == "off":  # nobody may see it any more, and the next stream begins with a keyframe
            self.gone_epochs += len({segment.epoch for segment in self.segments})
            self.segments.clear()
            self.inits.clear()
            self.init = None
        told = frame({"t": "stream", "state": state, "session": session, "why": reason})
        for viewer in list(self.viewers):
            if viewer.sees_rehearsals:
                viewer.tell(told)
            elif (state == "air") != (was == "air"):
                viewer.tell(told if state == "air" else frame({"t": "stream", "state": "off", "session": "", "why": reason}))
                if state == "air":
                    self._catch_up(viewer)

    def clear(self) -> None:
        """Forget what was kept, as when another show begins."""
        self.segments.clear()
        self.inits.clear()
        self.init = None
        self.gone_epochs = 0

    def push(self, packet: Packet) -> None:
        """The next init or part, to all who may see it and into memory."""
        self.keep(packet)
        bound = self._bound(packet)
        on_air = self.state == "air"
        for viewer in self.viewers:
            if on_air or viewer.sees_rehearsals:
                viewer.offer(packet, bound)
                if viewer.stuck_since and viewer.is_stuck():
                    self.on_stuck(viewer)

    def keep(self, packet: Packet) -> None:
        """Into memory alone."""
        if packet.kind == packets.INIT:
            self.init = self.inits[packet.epoch] = packet
            self._finish()
        else:
            self._keep(packet)

    def catch_up_all(self) -> None:
        """After `keep`: everybody who may see it gets the stream from its last keyframe on."""
        for viewer in self.viewers:
            if self.state == "air" or viewer.sees_rehearsals:
                self._catch_up(viewer)

    def join(self, viewer: Viewer, *, whole: bool = False) -> None:
        """A new socket: told how things stand, then brought up to now from the last keyframe, or with all that is kept."""
        self.viewers.add(viewer)
        can_see = self.state == "air" or (viewer.sees_rehearsals and self.state != "off")
        viewer.tell(
            frame({"t": "stream", "state": self.state if can_see else "off", "session": self.session if can_see else "", "why": ""})
        )
        if can_see:
            self._catch_up(viewer, whole=whole)

    def leave(self, viewer: Viewer) -> None:
        self.viewers.discard(viewer)

    def playlist(self) -> str:
        """HLS of the finished segments."""
        done = [segment for segment in self.segments if segment.is_done]
        told = [playlist.Segment(one.number, one.epoch, one.duration_ms, one.wall_ms / 1000) for one in done]
        return playlist.live(told, first_epoch=self.gone_epochs, is_over=self.state == "off")

    def segment(self, number: int) -> LiveSegment | None:
        return next((one for one in self.segments if one.number == number and one.is_done), None)

    def end(self) -> None:
        """The publisher is gone: its last segment is whole as it is."""
        self._finish()

    def _keep(self, packet: Packet) -> None:
        if not self.segments or self.segments[-1].is_done or packet.segment != self.segments[-1].number:
            self._finish()
            self.segments.append(LiveSegment(packet.segment, packet.epoch, packet.wall_ms - packet.duration_ms))
            while len(self.segments) > KEEP_SEGMENTS + 1:
                self._forget_oldest()
        self.segments[-1].parts.append(packet)
        self.segments[-1].size += len(packet.message)
        while len(self.segments) > 1 and sum(segment.size for segment in self.segments) > KEEP_BYTES:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        gone = self.segments.popleft()
        if self.segments[0].epoch != gone.epoch:
            self.inits.pop(gone.epoch, None)
            self.gone_epochs += 1

    def _finish(self) -> None:
        if self.segments:
            self.segments[-1].is_done = True

    def _bound(self, packet: Packet) -> int:
        """What may wait for one viewer: some seconds of this stream, in bytes."""
        if packet.duration_ms <= 0:
            return BACKLOG_BYTES
        return min(max(len(packet.wire) * BACKLOG_PARTS_MS // packet.duration_ms, 400_000), BACKLOG_BYTES)

    def _catch_up(self, viewer: Viewer, *, whole: bool = False) -> None:
        kept = [part for segment in self.segments for part in segment.parts]
        if not whole:
            current = [at for at, part in enumerate(kept) if part.is_key and self.init and part.epoch == self.init.epoch]
            kept = kept[current[-1] :] if current else []
        epoch = None
        for part in kept:
            if part.epoch != epoch and part.epoch in self.inits:
                epoch = part.epoch
                viewer.tell(Frame("", self.inits[epoch].wire))
            viewer.tell(Frame("", part.wire))
        if epoch is None and self.init is not None:
            viewer.tell(Frame("", self.init.wire))
