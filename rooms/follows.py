"""Following a room. Who follows now is in Follow; FollowChange keeps every gain and loss, so that opening + gained − lost = closing."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import access
from accounts.models import User
from rooms.models import Follow, FollowChange, Room, Show, ShowState


def follow(*, room: Room, user: User, source: str = "organic", device: str = "") -> bool:
    """Follow the room; True when it is new. Following twice is following once."""
    access.require(user, access.Power.FOLLOW, room, device=device)
    with transaction.atomic(durable=True):
        _, is_new = Follow.objects.get_or_create(room=room, user=user, defaults={"source": source})
        if is_new:
            _note_in_tx(room, user, +1, source)
    return is_new


def unfollow(*, room: Room, user: User) -> bool:
    """Stop following; True when she did follow."""
    with transaction.atomic(durable=True):
        gone = Follow.objects.filter(room=room, user=user).delete()[0]
        if gone:
            _note_in_tx(room, user, -1, "organic")
    return bool(gone)


def is_following(room_id: int, user_id: int) -> bool:
    return Follow.objects.filter(room_id=room_id, user_id=user_id).exists()


def followed_at(room_id: int, user_id: int) -> datetime | None:
    """Since when she follows; None if she does not."""
    return Follow.objects.filter(room_id=room_id, user_id=user_id).values_list("at", flat=True).first()


def _note_in_tx(room: Room, user: User, change: int, source: str) -> None:
    Room.objects.filter(pk=room.pk).update(follower_count=F("follower_count") + change)  # the room's row before its show's
    show = Show.objects.filter(room=room, state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).first()
    FollowChange.objects.create(room=room, show=show, user=user, change=change, source=source, at=timezone.now())
    if show:
        Show.objects.filter(pk=show.pk).update(follower_gain=F("follower_gain") + change)
