"""The order of live rooms: a pure function of public figures, so that anyone can check it.

1. A room's score is `online + 3 · paid orders of this show + likes of this show // 1000`. Ties: the later start, then the slug.
2. The fifth of the live rooms with most followers (rounded up) are *head* rooms, the others *rising* ones. One room alone is no head.
3. Slots are filled from the top. In any first n slots at least ⌊0.4 · n⌋ go to rising rooms, as long as there are any: when the share
   would fall short, the best rising room takes the slot and is marked `by_share` (shown as 潜力), else the best room left takes it.

Nothing else counts: no payment, no person's history, no chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RISING_SHARE_PERCENT = 40
HEAD_SHARE = 5
ORDER_WEIGHT = 3
LIKES_PER_POINT = 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """What the order may know of a live room."""

    slug: str
    followers: int
    online: int
    orders: int = 0
    likes: int = 0
    started_ms: int = 0

    @property
    def score(self) -> int:
        """The public score."""
        return self.online + ORDER_WEIGHT * self.orders + self.likes // LIKES_PER_POINT


@dataclass(frozen=True, slots=True)
class Placed:
    """A room in its slot; `by_share` when it got the slot through the rising rooms' share."""

    room: Figures
    by_share: bool


def heads(rooms: Sequence[Figures]) -> set[str]:
    """Slugs of the head rooms: the fifth with most followers, rounded up."""
    if len(rooms) < 2:
        return set()
    by_followers = sorted(rooms, key=lambda room: (-room.followers, room.slug))
    return {room.slug for room in by_followers[: -(-len(rooms) // HEAD_SHARE)]}


def arrange(rooms: Sequence[Figures]) -> list[Placed]:
    """All rooms, each once, in the order of the feed."""
    best_first = sorted(rooms, key=lambda room: (-room.score, -room.started_ms, room.slug))
    head = heads(rooms)
    placed: list[Placed] = []
    rising_placed = 0
    while best_first:
        due = (len(placed) + 1) * RISING_SHARE_PERCENT // 100
        rising = next((room for room in best_first if room.slug not in head), None)
        by_share = rising is not None and rising_placed < due and best_first[0].slug in head
        taken = rising if by_share and rising is not None else best_first[0]
        best_first.remove(taken)
        rising_placed += taken.slug not in head
        placed.append(Placed(taken, by_share))
    return placed
