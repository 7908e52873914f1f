"""One socket in a room, and what it may still take: a slow reader loses ambience, then talk, then gets one snapshot, then is closed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import IntEnum

from rooms.realtime.figures import CLOSES, tally
from rooms.realtime.frames import Frame
from rooms.realtime.sinks import Sink
from rooms.realtime.tickets import Ticket

AMBIENCE_BYTES = 32_768
TALK_BYTES = 98_304
STATE_BYTES = 262_144
PATIENCE_S = 10.0
ANSWERS_S = 2.0
CLOSING_S = 5.0  # for the close code to go out and be answered; then the line is cut


class Lane(IntEnum):
    """What a frame is worth; the bound of its lane is the backlog beyond which a socket goes without it."""

    AMBIENCE = AMBIENCE_BYTES
    TALK = TALK_BYTES
    STATE = STATE_BYTES


class Member:
    """A joined socket."""

    __slots__ = ("_close", "at_work", "is_behind", "is_closing", "sink", "stuck_since", "ticket")

    def __init__(self, ticket: Ticket, sink: Sink, close: Callable[[int], Awaitable[None]]) -> None:
        self.ticket = ticket
        self.sink = sink
        self._close = close
        self.at_work: set[asyncio.Task[None]] = set()  # commands without an answer
        self.is_behind = False
        self.is_closing = False
        self.stuck_since = 0.0

    def offer(self, frame: Frame, lane: Lane) -> bool:
        """Write the frame unless the socket is too far behind for its lane; False when it went without."""
        if self.is_closing:
            return True  # nothing follows the close code
        if self.sink.write(frame, lane):
            tally.delivered += 1
            return True
        tally.dropped[lane.name] += 1
        if lane is not Lane.AMBIENCE:
            self.is_behind = True
        return False

    async def close(self, code: int) -> None:
        """Send the close code, once. A socket that takes it or answers it too late, or never, is cut off: some servers would wait for ever."""
        if self.is_closing:
            return
        self.is_closing = True
        CLOSES.labels(str(code)).inc()
        asyncio.get_running_loop().call_later(CLOSING_S, self.sink.abort)
        with suppress(OSError, RuntimeError, TimeoutError):  # it went first
            async with asyncio.timeout(CLOSING_S):
                await self._close(code)

    async def send_away(self, code: int) -> None:
        """Close after the answers that it waits for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWERS_S):
                while self.at_work:
                    await asyncio.wait(self.at_work)
        await self.close(code)

    @property
    def is_lagging(self) -> bool:
        """Goes without ambience; its room's ticks watch over it."""
        return self.sink.backlog() > AMBIENCE_BYTES

    def is_stuck(self) -> bool:
        """Has the socket made no room for `PATIENCE_S`? Asked once a tick."""
        if self.is_closing or not self.is_lagging:
            self.stuck_since = 0.0
            return False
        now = time.monotonic()
        self.stuck_since = self.stuck_since or now
        return now - self.stuck_since > PATIENCE_S

    def can_recover(self) -> bool:
        """Behind, but with room again: time for one snapshot."""
        return self.is_behind and not self.is_closing and not self.is_lagging
