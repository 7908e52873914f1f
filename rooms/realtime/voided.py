"""Tickets issued before a ban or log-out are void: remembered here as long as such a ticket could still be shown."""

import time
from functools import lru_cache
from typing import Any

from django.conf import settings

from accounts import identity
from accounts.models import IdentityKind
from rooms.realtime.tickets import Ticket

PLATFORM = "platform"


class VoidedTickets:
    """Who was sent away, where, when and with which close code. One entry a person and place; old ones are dropped."""

    def __init__(self) -> None:
        self._sent_away: dict[tuple[str, str], tuple[float, int, float]] = {}

    def note(self, notice: dict[str, Any], code: int) -> None:
        """`notice` names a `user` (public id), a `device`, a device's digest (`guest`: of guests only, `anybody`) or a `login` (a person on a device), and a `scope`: "platform", "room:<id>" or "staff:<id>"; `at` (s) if it is not of now."""
        # By a clock that does not jump: after a step back in time nobody stays locked out.
        oldest = self._oldest()
        self._sent_away = {key: entry for key, entry in self._sent_away.items() if entry[2] > oldest}
        for kind in ("user", "device", "guest", "anybody", "login"):
            if notice.get(kind):
                key = f"{kind}:{notice[kind]}", notice.get("scope") or PLATFORM
                heard = (notice.get("at", time.time()), code, time.monotonic())
                self._sent_away[key] = max(self._sent_away.get(key, heard), heard)

    def code_for(self, ticket: Ticket) -> int:
        """The close code for a void ticket, 0 for a good one. A "staff:" scope ends the studio and leaves the viewer alone."""
        oldest = self._oldest()
        scopes = [PLATFORM, f"room:{ticket.room_public_id}"]
        if ticket.is_staff:
            scopes.append(f"staff:{ticket.room_public_id}")
        names = [f"user:{ticket.user_public_id}", f"device:{ticket.device}", f"login:{ticket.user_public_id}@{ticket.device}"]
        if self._sent_away:
            device = _digest_of(ticket.device)
            names.append(f"anybody:{device}")
            if not ticket.user:  # a signed-in person on a shared device is judged by what she does, not by who sat there before
                names.append(f"guest:{device}")
        for who in names:
            for scope in scopes:
                sent_at, code, heard_at = self._sent_away.get((who, scope), (0.0, 0, 0.0))
                if sent_at >= ticket.issued_at and heard_at > oldest:
                    return code
        return 0

    @staticmethod
    def _oldest() -> float:
        """When a ticket that has just run out was made."""
        return time.monotonic() - settings.JOIN_TICKET_TTL_S


@lru_cache(maxsize=1 << 14)  # one ban asks for every socket of the process
def _digest_of(device: str) -> str:
    return identity.digest(IdentityKind.DEVICE, device).hex()
