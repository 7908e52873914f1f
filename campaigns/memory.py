"""What a process remembers in order to say "no" at once: sold out, not open, over. Memory never says yes.

A note lives for a second, and is dropped as soon as the database tells that the thing changed. A generation number closes
the gap between looking and noting: what was looked up before a change is not noted after it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from campaigns.outcomes import ClaimOutcome, Tap
from liveshop.refusals import Code

TTL_S = 1.0
_SOLD_OUT = Code.SOLD_OUT.value


class Kind(StrEnum):
    DEAL = "deal"
    COUPON = "coupon"


class Target(NamedTuple):
    """One scarce thing: a deal or a coupon."""

    kind: Kind
    pk: int


@dataclass(slots=True)
class Note:
    """Why the answer is no, until `until`. The `owners` have one already: the database answers them."""

    code: Code
    until: float
    owners: frozenset[int] = frozenset()
    place: int = 0
    total: int = 0
    sold_out_at: float = 0.0
    starts_at: float = 0.0
    facts: Mapping[str, object] = field(default_factory=dict)


class Memory:
    """The notes of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._notes: dict[Target, Note] = {}
        self._generation: dict[Target, int] = defaultdict(int)
        self._epoch = 0
        self.unseen: dict[Target, int] = defaultdict(int)  # refused here since the database last counted

    def generation(self, target: Target) -> tuple[int, int]:
        """Remember this before looking; `note` wants it back."""
        return self._epoch, self._generation[target]

    def note(self, target: Target, note: Note, seen_at: tuple[int, int]) -> bool:
        """Keep the note unless something changed since `seen_at`."""
        if seen_at != self.generation(target):
            return False
        self._notes[target] = note
        return True

    def knows(self, target: Target) -> bool:
        note = self._notes.get(target)
        return note is not None and note.until > self._clock()

    def forget(self, target: Target) -> None:
        """Something changed there."""
        self._generation[target] += 1
        self._notes.pop(target, None)

    def forget_all(self) -> None:
        """Notices may have been missed."""
        self._epoch += 1
        self._notes.clear()

    def deadline(self) -> float:
        return self._clock() + TTL_S

    def foretells(self, target: Target, user_id: int) -> Code | None:
        """The code that `recall` would answer this person with, without counting her tap; None: it may not answer."""
        note = self._notes.get(target)
        return None if note is None or user_id in note.owners else note.code

    def recall(self, target: Target, tap: Tap) -> ClaimOutcome | None:
        """The remembered "no" to this tap, or None: ask the database."""
        note = self._notes.get(target)
        if note is None:
            return None
        if note.until <= self._clock() or (note.code is Code.NOT_STARTED and note.starts_at <= self._wall()):
            del self._notes[target]
            return None
        return None if tap.user_id in note.owners else self._no(target, note)

    def _no(self, target: Target, note: Note) -> ClaimOutcome:
        if note.code is Code.NOT_STARTED:
            return ClaimOutcome(note.code.value, facts={"early_s": round(note.starts_at - self._wall(), 1)})
        if note.code is not Code.SOLD_OUT:
            return ClaimOutcome(note.code.value, facts=dict(note.facts))
        self.unseen[target] += 1
        note.place += 1
        return ClaimOutcome(_SOLD_OUT, "", note.place, None, {"total": note.total, "late_s": self._wall() - note.sold_out_at})
