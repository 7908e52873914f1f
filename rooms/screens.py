"""The second screen in a hall or shop: the short code that leads a phone from it to the room, and the channel such a visit carries.

A code is the room's number under a keyed permutation of six digits: nothing is stored, nothing can be counted from it, no two rooms meet.
"""

import hmac
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest

from rooms.models import Room

TV = "tv"  # came from a second screen
SCREEN = "screen"  # is one: shows, but counts as nobody
CHANNELS = frozenset({TV, SCREEN})
CODES = 10**6
HALF = 1000
ROUNDS = 6


def channel_of(request: HttpRequest) -> str:
    """How this visitor came, of what we know; else nothing."""
    asked = request.GET.get("channel", "")
    return asked if asked in CHANNELS else ""


def code_of(room: Room) -> str:
    """Six digits to type on a phone; none for the room after the millionth."""
    if room.pk >= CODES:
        return ""
    left, right = divmod(room.pk, HALF)
    for step in range(ROUNDS):
        left, right = right, (left + _turn(step, right)) % HALF
    return f"{left * HALF + right:06d}"


def room_of(code: str) -> Room | None:
    """The room with this code."""
    digits = "".join(code.split())
    if len(digits) != 6 or not (digits.isascii() and digits.isdecimal()):
        return None
    left, right = divmod(int(digits), HALF)
    for step in reversed(range(ROUNDS)):
        left, right = (right - _turn(step, left)) % HALF, left
    return Room.objects.filter(pk=left * HALF + right).first()


def _turn(step: int, half: int) -> int:
    mark = hmac.new(settings.SECRET_KEY.encode(), b"rooms.screens:%d:%d" % (step, half), sha256).digest()
    return int.from_bytes(mark[:8], "big") % HALF
