"""A viewer's wish to be reminded of a room's next show."""

from django.db import transaction

from accounts.models import User
from liveshop.refusals import Code, Refused
from rooms import upcoming
from rooms.models import Room, Show, ShowReminder, ShowState


def reserve(*, room: Room, user: User) -> Show:
    """Remind `user` of the next show; asking twice is asking once. Raises Refused(ENDED) when none is planned."""
    with transaction.atomic(durable=True):
        show = _wanted(room)
        ShowReminder.objects.bulk_create([ShowReminder(show=show, user=user)], ignore_conflicts=True)
    return show


def cancel(*, room: Room, user: User) -> Show:
    """Take the wish back. Raises Refused(ENDED) when no show is planned."""
    with transaction.atomic(durable=True):
        show = _wanted(room)
        ShowReminder.objects.filter(show=show, user=user).delete()
    return show


def begun(user: User) -> list[Show]:
    """The shows `user` asked to be reminded of that are on now, the latest first; each with its room and anchor."""
    on = Show.objects.filter(reminders__user=user, state__in=[ShowState.LIVE, ShowState.INTERRUPTED], room__is_banned=False)
    return list(on.select_related("room__anchor").order_by("-started_at"))


def is_reserved(show: Show, user: User) -> bool:
    """Whether `user` asked to be reminded of `show`."""
    return ShowReminder.objects.filter(show=show, user=user).exists()


def _wanted(room: Room) -> Show:
    show = None if room.is_banned else upcoming.planned(room).first()
    if show is None:
        raise Refused(Code.ENDED)
    return show
