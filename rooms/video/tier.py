"""What the site asks of live video, whoever carries it: our own media process (embedded) or a server of its own (external).

Recordings come out of both as the same rows and files (`recording.py`), so that replays and clips know no tier.
"""

from dataclasses import dataclass
from typing import Any, Protocol, cast

from django.conf import settings

from liveshop import wiring
from rooms.models import Room
from rooms.video.models import MediaServer

TIERS = {"embedded": "rooms.video.embedded:Embedded", "external": "rooms.video.external.tier:External"}


@dataclass(frozen=True, slots=True)
class Ladder:
    """How a room's stream is played, best first; an empty address is a rung that is not there."""

    live: str
    hls: str


class Tier(Protocol):
    """One for the whole site, chosen by VIDEO_TIER. Rooms are named by their public ids."""

    def ingest(self, host: str) -> str:
        """The address an anchor types into her encoder, as her browser names this site; empty: none."""
        ...

    def typed_key(self, room: str, key: str) -> str:
        """What she types as the stream key."""
        ...

    def camera_path(self, room: str) -> str:
        """Where her browser's camera goes; empty: nowhere."""
        ...

    def ladder(self, room: str) -> Ladder:
        """How viewers play it."""
        ...

    def cut_in_tx(self, room: Room, why: str, *, source: str = "") -> None:
        """Send the room's publisher away once the transaction is committed; `source` limits it to encoders or cameras."""
        ...

    def changed_in_tx(self, room_id: int, kind: str) -> None:
        """A room event: shows begin and end, rooms are closed."""
        ...

    def health(self) -> MediaServer | None:
        """The media server as it was within the last seconds; None: it does not answer."""
        ...


def current() -> Tier:
    """The tier that VIDEO_TIER names."""
    made: Any = wiring.load(TIERS[settings.VIDEO_TIER])
    return cast(Tier, made())


def changed_in_tx(room_id: int, kind: str) -> None:
    """Wired to every room event."""
    current().changed_in_tx(room_id, kind)
