"""Who is here: people, not sockets, by heartbeat and expiry, so that a crash needs no cleaning up.

online 在线: people whose page was visible within the last minute · views 人次: entries into the show ·
viewers 人数: different people in the show · peak 峰值: the highest online of the show.

One process knows its own people. Several share them in Redis (`share`, once a second), so that a person with windows in two
processes is one, and one who moves to another process does not enter again. While Redis is away each counts what it sees.
"""

import threading
import time
from collections import defaultdict
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings

EXPIRY_S = 60.0
AWAY_S = 10.0  # how soon a person whose last window closed is no longer counted
COARSE_FROM = 1000
FRESH_S = 2.0
REDIS_AWAY_S = 5.0
log = structlog.get_logger(__name__)

_lock = threading.Lock()
_seen: dict[int, dict[str, float]] = defaultdict(dict)
_joined: dict[int, list[str]] = defaultdict(list)
_channels: dict[int, dict[str, str]] = defaultdict(dict)
# What the other processes have not been told yet: the people's last sign of life, and who came in.
_news: dict[int, dict[str, float]] = defaultdict(dict)
_came: dict[int, list[str]] = defaultdict(list)
_shared: dict[int, tuple[float, int]] = {}
_redis_away_until = 0.0


def beat(room_id: int, person: str) -> None:
    """The person's page is alive and visible."""
    with _lock:
        _note(room_id, person, time.monotonic())


def enter(room_id: int, person: str, channel: str = "") -> None:
    """The person came in, through `channel` if that is known: counts as a view when she was not here a minute ago, so that a reconnect is not a second visit."""
    now = time.monotonic()
    with _lock:
        if now - _seen[room_id].get(person, -EXPIRY_S) >= EXPIRY_S:
            (_came if settings.REDIS_URL else _joined)[room_id].append(person)
            if channel:
                _channels[room_id][person] = channel
        _note(room_id, person, now)


def leave(room_id: int, person: str) -> None:
    """The last window closed: gone unless she is back within ten seconds."""
    with _lock:
        if person in _seen[room_id]:
            _note(room_id, person, time.monotonic() - EXPIRY_S + AWAY_S)


def online(room_id: int) -> int:
    """People here now, in all processes that can be heard; above a thousand in steps of ten."""
    count = _online_here(room_id)
    if settings.REDIS_URL:
        count = max(count, _online_everywhere(room_id))
    return count if count < COARSE_FROM else count // 10 * 10


def here(room_id: int) -> list[str]:
    """The people who are here now in this process."""
    oldest = time.monotonic() - EXPIRY_S
    with _lock:
        return [person for person, at in _seen.get(room_id, {}).items() if at >= oldest]


def take_joined(room_id: int) -> list[str]:
    """The people who came in since the last call, for the batch that writes views and viewers."""
    with _lock:
        return _joined.pop(room_id, [])


def take_channels(room_id: int, people: list[str]) -> dict[str, str]:
    """How these people came, of those whose channel is known; told once."""
    with _lock:
        known = _channels[room_id]
        return {person: known.pop(person) for person in dict.fromkeys(people) if person in known}


def put_back(room_id: int, people: list[str], channels: dict[str, str]) -> None:
    """What was taken could not be written: it is taken again."""
    with _lock:
        _joined[room_id][:0] = people
        _channels[room_id] |= channels


def rooms_joined() -> set[int]:
    """Rooms that somebody entered since `take_joined`."""
    with _lock:
        return {room_id for room_id, people in _joined.items() if people}


def share() -> None:
    """Tell the other processes who is here, and learn who came from another one. Waits for Redis: for threads."""
    if not settings.REDIS_URL:
        return
    with _lock:
        news, came = dict(_news), dict(_came)
        _news.clear()
        _came.clear()
    for room_id in news.keys() | came.keys():
        entered = came.get(room_id, [])
        was_here = _exchange(room_id, news.get(room_id, {}), entered)
        with _lock:
            _joined[room_id] += [person for person, known in zip(entered, was_here, strict=True) if not known]


def _note(room_id: int, person: str, at: float) -> None:
    _seen[room_id][person] = at
    if settings.REDIS_URL:
        _news[room_id][person] = at


def _online_here(room_id: int) -> int:
    oldest = time.monotonic() - EXPIRY_S
    with _lock:
        people = _seen.get(room_id)
        if not people:
            return 0
        for person in [person for person, at in people.items() if at < oldest - EXPIRY_S]:
            del people[person]
        return sum(at >= oldest for at in people.values())


def _online_everywhere(room_id: int) -> int:
    at, count = _shared.get(room_id, (0.0, 0))
    if time.monotonic() - at > FRESH_S:
        counted = _ask(lambda pipe: pipe.zcount(_key(room_id), time.time() - EXPIRY_S, "+inf"))
        count = int(counted[0]) if counted else 0
        _shared[room_id] = (time.monotonic(), count)
    return count


def _exchange(room_id: int, people: dict[str, float], entered: list[str]) -> list[bool]:
    """Which of the entered were here a minute ago in any process; nobody, as far as one knows without Redis."""
    key, oldest = _key(room_id), time.time() - EXPIRY_S

    def ask(pipe: Any) -> None:
        if entered:
            pipe.zmscore(key, entered)
        if people:
            ahead = time.time() - time.monotonic()  # processes share the wall's clock; each trusts its own for itself
            pipe.zadd(key, {person: at + ahead for person, at in people.items()})
        pipe.zremrangebyscore(key, "-inf", oldest - EXPIRY_S)
        pipe.expire(key, int(EXPIRY_S * 3))

    answers = _ask(ask)
    scores = answers[0] if answers and entered else [None] * len(entered)
    return [score is not None and score >= oldest for score in scores]


def _ask(question: Any) -> list[Any]:
    """The pipeline's answers; nothing while Redis is away, which is asked again only after a while."""
    global _redis_away_until
    if time.monotonic() < _redis_away_until:
        return []
    try:
        with _redis().pipeline(transaction=False) as pipe:
            question(pipe)
            answers: list[Any] = pipe.execute()
            return answers
    except (redis.RedisError, OSError) as error:
        log.warning("presence_alone", error=str(error))
        _redis_away_until = time.monotonic() + REDIS_AWAY_S
        return []


@cache
def _redis() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)


def _key(room_id: int) -> str:
    return f"liveshop:here:{room_id}"
