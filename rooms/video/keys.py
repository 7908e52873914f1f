"""Stream keys: made by the anchor, shown once, kept as a digest. A new key voids the old one and cuts who streams with it."""

import hashlib
import secrets

from django.db import transaction
from django.utils import timezone

from accounts import access, audit
from accounts.models import User
from rooms.models import Room
from rooms.video import tier
from rooms.video.models import StreamKey

KEY_BYTES = 32
LONGEST = 200


def make(*, room: Room, by: User) -> str:
    """A new key of the room, in the clear for the only time. The old key is void from the commit on, then its encoder is cut."""
    access.require(by, access.Power.GO_LIVE, room)
    key = secrets.token_urlsafe(KEY_BYTES)
    with transaction.atomic(durable=True):
        values = {"digest": digest(key), "hint": key[-4:], "made_by": by, "made_at": timezone.now()}
        _, is_new = StreamKey.objects.update_or_create(room=room, defaults=values)
        audit.record_in_tx(actor=by, action="stream_key_made", subject=f"room:{room.public_id}", after={"hint": key[-4:]})
        if not is_new:
            tier.current().cut_in_tx(room, "key_changed", source="encoder")
    return key


def room_of(key: str) -> Room | None:
    """Whose key this is. A digest of 256 random bits is looked up, so that comparing leaks nothing."""
    if not 20 <= len(key) <= LONGEST:
        return None
    found = StreamKey.objects.select_related("room__anchor").filter(digest=digest(key)).first()
    return found.room if found else None


def digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
