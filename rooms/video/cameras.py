"""Tickets for the camera of an anchor's browser: for one room, for a minute, for one use."""

import secrets
import time

from django.core import signing

from rooms.models import Room

HOLDS_S = 60
SALT = "rooms.video.camera"


class BadCameraTicket(Exception):
    """Forged, too old, of another room or used before."""


def issue(room: Room) -> str:
    """For the room's own anchor; the caller has checked that it is she."""
    return signing.dumps({"room": room.public_id, "once": secrets.token_hex(8)}, salt=SALT)


class Gate:
    """Reads tickets in the media process and remembers which were used."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def admit(self, ticket: str, room: str) -> None:
        """Raises BadCameraTicket."""
        try:
            told = signing.loads(ticket, salt=SALT, max_age=HOLDS_S)
        except signing.BadSignature as wrong:
            raise BadCameraTicket from wrong
        now = time.monotonic()
        self._used = {once: at for once, at in self._used.items() if now - at < HOLDS_S * 2}
        if told["room"] != room or told["once"] in self._used:
            raise BadCameraTicket
        self._used[told["once"]] = now
