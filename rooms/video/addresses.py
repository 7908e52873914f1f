"""Addresses of live video. HLS players cannot renew a ticket, so theirs carries a token that holds for half a day and is the same for all, which caches like."""

import hmac
import time
from hashlib import sha256

from django.conf import settings
from django.utils.crypto import salted_hmac

ROUND_S = 3600
HOLDS_S = 12 * 3600
RELAY_HEADER = "x-liveshop-relay"


def live_path(room: str) -> str:
    """The viewers' websocket, without its ticket."""
    return f"{settings.MEDIA_PATH}{room}"


def still_path(room: str) -> str:
    """A JPEG of what is on air, for everybody."""
    return f"{settings.MEDIA_PATH}{room}/still.jpg"


def camera_path(room: str) -> str:
    """Where the anchor's browser sends its camera."""
    return f"{settings.MEDIA_PATH}{room}/camera"


def hls_path(room: str) -> str:
    """The playlist of the room's stream."""
    until = (int(time.time()) // ROUND_S + 1) * ROUND_S + HOLDS_S
    return f"{settings.MEDIA_PATH}{room}/{until}.{_mark(room, until)}/index.m3u8"


def holds(room: str, token: str) -> bool:
    """Whether this token opens the room's playlist now."""
    until, _dot, mark = token.partition(".")
    if not until.isdecimal() or len(until) > 12 or int(until) < time.time():
        return False
    return mark.isascii() and hmac.compare_digest(mark, _mark(room, int(until)))


def relay_secret() -> str:
    """What the site's processes show to the media process."""
    return hmac.new(settings.SECRET_KEY.encode(), b"rooms.video.relay", sha256).hexdigest()


def _mark(room: str, until: int) -> str:
    return salted_hmac("rooms.video.hls", f"{room}:{until}").hexdigest()[:32]
