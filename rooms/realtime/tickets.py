"""Join tickets: a page that knows who asks hands out a signed, short-lived ticket, so that joining touches no database."""

from dataclasses import asdict, dataclass

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils.translation import get_language

from rooms.models import Room

SALT = "rooms.join"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who joins which room. `user` is 0 for a guest; `epoch` is the user's session epoch when the ticket was issued."""

    room: int
    room_public_id: str
    user: int
    user_public_id: str
    device: str
    language: str
    is_staff: bool
    epoch: int

    @property
    def person(self) -> str:
        """What presence counts: one person, however many windows."""
        return f"u:{self.user_public_id}" if self.user else f"d:{self.device}"


class BadTicket(Exception):
    """Forged, expired or for another room."""


def issue(request: HttpRequest, room: Room, staff: bool = False) -> str:
    """A ticket for the request's person; the caller has checked that she may watch, and for `staff` that she may operate.

    The ids inside are readable to their owner and worth nothing: they are never accepted without the signature.
    """
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
        epoch=known.session_epoch if known else 0,
    )
    return signing.dumps(asdict(ticket), salt=SALT, compress=True)


def read(text: str, room_public_id: str) -> Ticket:
    """The ticket, if it is ours, fresh and for this room. Raises BadTicket."""
    try:
        ticket = Ticket(**signing.loads(text, salt=SALT, max_age=settings.JOIN_TICKET_TTL_S))
    except (signing.BadSignature, TypeError) as error:
        raise BadTicket from error
    if ticket.room_public_id != room_public_id:
        raise BadTicket
    return ticket
