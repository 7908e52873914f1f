"""Join tickets: a page that knows who asks hands out a sealed, short-lived ticket, so that joining touches no database.

Sealed means encrypted and signed (Fernet, keyed from SECRET_KEY): the numbers inside never leave the server in the clear.
"""

import base64
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from accounts import identity
from accounts.models import IdentityKind
from rooms.models import Room
from rooms.screens import SCREEN


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who joins which room, and since when she may: a later ban or log-out voids it. `user` is 0 for a guest."""

    room: int
    room_public_id: str
    user: int
    user_public_id: str
    device: str
    language: str
    is_staff: bool
    issued_at: float
    channel: str = ""  # how she came, see rooms.screens
    phone: str = ""  # the digest of her phone, as hex: a claim needs it, and a tap must not cost a query

    @property
    def person(self) -> str:
        """What presence counts: one person, however many windows."""
        return f"u:{self.user_public_id}" if self.user else f"d:{self.device}"

    @property
    def is_counted(self) -> bool:
        """A screen on a wall and the people at work are no visitors."""
        return not self.is_staff and self.channel != SCREEN


class BadTicket(Exception):
    """Forged, expired or for another room."""


def issue(request: HttpRequest, room: Room, staff: bool = False, *, channel: str = "") -> str:
    """A ticket for the request's person; the caller has checked that she may watch, and for `staff` that she may operate."""
    user = request.user
    known = user if user.is_authenticated else None
    ticket = Ticket(
        room=room.pk,
        room_public_id=room.public_id,
        user=known.pk if known else 0,
        user_public_id=known.public_id if known else "",
        device=request.device,  # type: ignore[attr-defined]
        language=get_language() or settings.LANGUAGE_CODE,
        is_staff=staff,
        issued_at=time.time(),
        channel=channel,
        phone=identity.digest(IdentityKind.PHONE, known.phone).hex() if known and known.phone else "",
    )
    return _seal().encrypt(json.dumps(asdict(ticket)).encode()).decode()


def read(text: str, room_public_id: str) -> Ticket:
    """The ticket, if it is ours, fresh and for this room. Raises BadTicket."""
    try:
        ticket = Ticket(**json.loads(_seal().decrypt(text.encode(), ttl=settings.JOIN_TICKET_TTL_S)))
    except (InvalidToken, TypeError, ValueError) as error:
        raise BadTicket from error
    if ticket.room_public_id != room_public_id:
        raise BadTicket
    return ticket


@cache
def _seal() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"rooms.join" + settings.SECRET_KEY.encode()).digest()))
