"""One room in this process: its sockets by language, what its next tick will carry, and readings of it that many share."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextvars import Context

from rooms.realtime.frames import Frame
from rooms.realtime.gate import gate
from rooms.realtime.members import Lane, Member
from rooms.realtime.recovery import Reading
from rooms.realtime.ticks import Tick


class Shared:
    """A reading that serves everybody who asked before it began: nobody gets what was read before she asked."""

    def __init__(self, read: Callable[[], Awaitable[Reading]]) -> None:
        self._read = read
        self._running: asyncio.Task[Reading] | None = None
        self._next: asyncio.Task[Reading] | None = None

    async def get(self) -> Reading:
        """The next reading's result. Raises what the reading raises."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._after(self._running), context=Context())
        return await asyncio.shield(self._next)

    async def _after(self, running: "asyncio.Task[Reading] | None") -> Reading:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None  # who asks from here on waits for the one after
        return await self._read()


class LocalRoom:
    """The sockets of one room, by language, and what its next tick will carry."""

    def __init__(self, room_id: int, read: Callable[[int, str], Awaitable[Reading]]) -> None:
        self.room_id = room_id
        self.members: dict[str, set[Member]] = defaultdict(set)
        self.seq = 0
        self.numbering: asyncio.Task[None] | None = None
        self.tick = Tick()
        self.told_spread_ms = gate.spread_ms
        self.timer: asyncio.TimerHandle | None = None
        self.drawing = asyncio.Lock()
        self.wanted: set[str] = set()
        self.wanted_seq = 0
        self.wanted_kind = ""
        self._windows: Counter[str] = Counter()
        self._read = read
        self._readings: dict[str, Shared] = {}

    def add(self, member: Member) -> None:
        """Asking twice for the same socket changes nothing."""
        if member not in self.members[member.ticket.language]:
            self.members[member.ticket.language].add(member)
            self._windows[member.ticket.person] += 1

    def remove(self, member: Member) -> None:
        if member in self.members[member.ticket.language]:
            self.members[member.ticket.language].discard(member)
            self._windows[member.ticket.person] -= 1
            if not self._windows[member.ticket.person]:
                del self._windows[member.ticket.person]

    def holds(self, person: str) -> bool:
        """Whether one of the sockets is this person's."""
        return person in self._windows

    def everyone(self) -> list[Member]:
        return [member for members in self.members.values() for member in members]

    def send(self, built: Frame, lane: Lane, *, staff_only: bool = False) -> None:
        for members in self.members.values():
            for member in members:
                if not staff_only or member.ticket.is_staff:
                    member.offer(built, lane)

    async def reading(self, language: str) -> Reading:
        """The room as it is, read after this was asked; a thousand who fell behind together share a handful of readings."""
        if language not in self._readings:
            self._readings[language] = Shared(lambda: self._read(self.room_id, language))
        return await self._readings[language].get()
