"""Playback addresses that nginx checks by itself (`secure_link`): they name a room, hold for half a day and are the same for all."""

import base64
import time
from hashlib import md5

from django.conf import settings

ROUND_S = 3600
HOLDS_S = 12 * 3600


def hls_url(room: str) -> str:
    """The playlist of the room's stream; its fragments lie beside it, so that relative names carry the same signature."""
    until = (int(time.time()) // ROUND_S + 1) * ROUND_S + HOLDS_S
    return f"{settings.EXTERNAL_HLS.rstrip('/')}/{mark(room, until)}/{until}/{room}/index.m3u8"


def mark(room: str, until: int) -> str:
    """What deploy/nginx-rtmp.conf computes with `secure_link_md5`. nginx knows MD5 alone; a long secret at the end keeps it safe enough."""
    digest = md5(f"{until}{room} {settings.EXTERNAL_LINK_SECRET}".encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
