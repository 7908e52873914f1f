"""The words a room does not allow, edited live by its operators; words without a room count everywhere."""

import time

import ahocorasick
from django.db.models import Q

from catalog.words import normalise
from rooms.models import RoomWord

FRESH_S = 2.0
_cached: dict[int, tuple[float, "ahocorasick.Automaton"]] = {}


def hit(room_id: int, text: str) -> RoomWord | None:
    """The gravest word in the text: one that refuses before one that holds. An edit counts within two seconds."""
    matcher = _matcher(room_id)
    if not len(matcher):
        return None
    found = [word for _, word in matcher.iter(normalise(text))]
    return min(found, key=lambda word: word.action != "refuse", default=None)


def forget(room_id: int) -> None:
    """Read the list anew at the next line."""
    _cached.pop(room_id, None)


def _matcher(room_id: int) -> "ahocorasick.Automaton":
    read_at, matcher = _cached.get(room_id, (0.0, None))
    if matcher is None or time.monotonic() - read_at > FRESH_S:
        matcher = ahocorasick.Automaton()
        for word in RoomWord.objects.filter(Q(room_id=room_id) | Q(room=None)).order_by("-action"):
            if normalise(word.word):
                matcher.add_word(normalise(word.word), word)
        if len(matcher):
            matcher.make_automaton()
        _cached[room_id] = (time.monotonic(), matcher)
    return matcher
