"""One socket in a room, and what it may still take: a slow reader loses ambience, then talk, then gets one snapshot, then is closed."""

import time
from collections.abc import Awaitable, Callable
from enum import IntEnum

from rooms.realtime.frames import Frame
from rooms.realtime.sinks import Sink
from rooms.realtime.tickets import Ticket

AMBIENCE_BYTES = 32_768
TALK_BYTES = 98_304
STATE_BYTES = 262_144
PATIENCE_S = 10.0


class Lane(IntEnum):
    """What a frame is worth; the bound of its lane is the backlog beyond which a socket goes without it."""

    AMBIENCE = AMBIENCE_BYTES
    TALK = TALK_BYTES
    STATE = STATE_BYTES


class Member:
    """A joined socket."""

    __slots__ = ("close", "is_behind", "sink", "stuck_since", "ticket")

    def __init__(self, ticket: Ticket, sink: Sink, close: Callable[[int], Awaitable[None]]) -> None:
        self.ticket = ticket
        self.sink = sink
        self.close = close
        self.is_behind = False
        self.stuck_since = 0.0

    def offer(self, frame: Frame, lane: Lane) -> bool:
        """Write the frame unless the socket is too far behind for its lane; False when it went without."""
        if self.sink.backlog() > lane:
            if lane is not Lane.AMBIENCE:
                self.is_behind = True
            return False
        self.sink.write(frame)
        return True

    def is_stuck(self) -> bool:
        """Has the socket made no room for `PATIENCE_S`? Asked once a tick."""
        if self.sink.backlog() <= AMBIENCE_BYTES:
            self.stuck_since = 0.0
            return False
        now = time.monotonic()
        self.stuck_since = self.stuck_since or now
        return now - self.stuck_since > PATIENCE_S

    def can_recover(self) -> bool:
        """Behind, but with room again: time for one snapshot."""
        return self.is_behind and self.sink.backlog() <= AMBIENCE_BYTES
