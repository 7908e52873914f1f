"""Who is here: people, not sockets, by heartbeat and expiry, so that a crash needs no cleaning up.

online 在线: people whose page was visible within the last minute · views 人次: entries into the show ·
viewers 人数: different people in the show · peak 峰值: the highest online of the show.
"""

import threading
import time
from collections import defaultdict

EXPIRY_S = 60.0
COARSE_FROM = 1000

_lock = threading.Lock()
_seen: dict[int, dict[str, float]] = defaultdict(dict)
_joined: dict[int, list[str]] = defaultdict(list)


def beat(room_id: int, person: str) -> None:
    """The person's page is alive and visible."""
    with _lock:
        _seen[room_id][person] = time.monotonic()


def enter(room_id: int, person: str) -> None:
    """The person came in: counts as a view when she was not here a minute ago, so that a reconnect is not a second visit."""
    now = time.monotonic()
    with _lock:
        if now - _seen[room_id].get(person, -EXPIRY_S) >= EXPIRY_S:
            _joined[room_id].append(person)
        _seen[room_id][person] = now


def leave(room_id: int, person: str) -> None:
    """The last window closed: gone unless she is back within ten seconds."""
    with _lock:
        if person in _seen[room_id]:
            _seen[room_id][person] = time.monotonic() - EXPIRY_S + 10


def online(room_id: int) -> int:
    """People here now, as this process sees them; above a thousand in steps of ten."""
    oldest = time.monotonic() - EXPIRY_S
    with _lock:
        people = _seen.get(room_id)
        if not people:
            return 0
        for person in [person for person, at in people.items() if at < oldest - EXPIRY_S]:
            del people[person]
        count = sum(at >= oldest for at in people.values())
    return count if count < COARSE_FROM else count // 10 * 10


def take_joined(room_id: int) -> list[str]:
    """The people who came in since the last call, for the batch that writes views and viewers."""
    with _lock:
        return _joined.pop(room_id, [])
