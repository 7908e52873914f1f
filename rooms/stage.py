"""The life of a show and what is being shown: plan, go live, interruption, end, ban, pin, notice.

Each action moves the show by a conditional update; a move that is not allowed any more is refused, and nothing else changes.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.models import User
from catalog import words
from liveshop.refusals import Code, Refused
from rooms import events, shelf, upcoming
from rooms.models import Pin, Room, ShelfItem, Show, ShowState
from rooms.upcoming import WAITING

RUNNING = (ShowState.LIVE, ShowState.INTERRUPTED)
STAGE_PANELS = ["stage", "pin", "drops", "shelf"]


def plan_show(*, room: Room, by: User, title: str, planned_at: datetime) -> Show:
    """Announce a show. Raises Refused(WORD_REFUSED) for a forbidden word, INVALID for a time in the past."""
    access.require(by, access.Power.GO_LIVE, room)
    title = _clean(title) or room.title
    if planned_at <= timezone.now():
        raise Refused(Code.INVALID, why=_("The time is in the past"))
    with transaction.atomic(durable=True):
        _refuse_banned(shelf.lock_in_tx(room))
        show = Show.objects.create(room=room, title=title, planned_at=planned_at)
        events.publish_in_tx(room_id=room.pk, kind="show_planned", panels=["stage"], actor=by, facts={"title": title})
    return show


def cancel_show(*, room: Room, show: Show, by: User) -> None:
    """Take a planned show back, with the reminders for it. Raises Refused(VERSION_CONFLICT) when it has begun."""
    access.require(by, access.Power.GO_LIVE, room)
    with transaction.atomic(durable=True):
        shelf.lock_in_tx(room)
        waiting = Show.objects.select_for_update(no_key=True).filter(pk=show.pk, room=room, state__in=WAITING)
        if waiting.first() is None:
            raise Refused(Code.VERSION_CONFLICT, by=room.anchor.nickname)
        Show.objects.filter(pk=show.pk).delete()
        audit.record_in_tx(actor=by, action="show_cancelled", subject=f"room:{room.public_id}", before={"title": show.title})
        events.publish_in_tx(room_id=room.pk, kind="show_cancelled", panels=["stage"], actor=by, facts={"title": show.title})


def go_live(*, room: Room, by: User, title: str = "") -> Show:
    """Start the next planned show, or a new one. Raises Refused(VERSION_CONFLICT) when the room is live already."""
    access.require(by, access.Power.GO_LIVE, room)
    title = _clean(title)
    try:
        with transaction.atomic(durable=True):
            _refuse_banned(shelf.lock_in_tx(room))
            show = _begun_in_tx(room, title)
            audit.record_in_tx(actor=by, action="show_started", subject=f"room:{room.public_id}", after={"show": show.public_id})
            events.publish_in_tx(room_id=room.pk, kind="show_started", panels=STAGE_PANELS, actor=by, facts={"title": show.title})
    except IntegrityError as error:
        raise Refused(Code.VERSION_CONFLICT, by=room.anchor.nickname) from error
    return show


def _begun_in_tx(room: Room, title: str) -> Show:
    """The next planned show, or a new one, live; the partial UNIQUE allows one a room. Raises Refused(VERSION_CONFLICT), IntegrityError."""
    running = {"state": ShowState.LIVE, "started_at": timezone.now()}
    planned = upcoming.planned(room).first()
    if planned is None:
        return Show.objects.create(room=room, title=title or room.title, **running)
    if not Show.objects.filter(pk=planned.pk, state__in=WAITING).update(title=title or planned.title, **running):
        raise Refused(Code.VERSION_CONFLICT, by=room.anchor.nickname)
    planned.refresh_from_db()
    return planned


def interrupt(*, room: Room, by: User | None = None, reason: str = "") -> None:
    """The stream is lost: viewers read that the anchor will be right back."""
    _move(room, by, [ShowState.LIVE], ShowState.INTERRUPTED, "show_interrupted", interrupted_at=timezone.now())


def resume(*, room: Room, by: User | None = None, reason: str = "") -> None:
    """The stream is back, the same show goes on."""
    _move(room, by, [ShowState.INTERRUPTED], ShowState.LIVE, "show_resumed", interrupted_at=None)


def end_show(*, room: Room, by: User | None, reason: str = "") -> None:
    """End the running show. The anchor may, and an operator who may cut shows. `by` None: the system, when the grace of a lost stream is over."""
    if by is not None and by.pk != room.anchor_id:
        access.require(by, access.Power.CUT_SHOW, room)
    allowed: tuple[int, ...] = RUNNING if by else (ShowState.INTERRUPTED,)  # one that just went on stays
    _move(room, by, allowed, ShowState.ENDED, "show_ended", ended_at=timezone.now(), interrupted_at=None, end_reason=reason[:120])


def ban_room(*, room: Room, by: User, reason: str) -> None:
    """Close the room: its show ends, nothing can be pinned, claimed or said. Bought goods and holds are not affected."""
    access.require(by, access.Power.CUT_SHOW, room)
    with transaction.atomic(durable=True):
        if not Room.objects.filter(pk=room.pk, is_banned=False).update(is_banned=True, ban_reason=reason[:120]):
            raise Refused(Code.VERSION_CONFLICT, by=by.nickname)
        # Under the room's lock no show can begin any more.
        Show.objects.filter(room=room, state__in=RUNNING).update(state=ShowState.BANNED, ended_at=timezone.now(), end_reason=reason[:120])
        Pin.objects.filter(room=room, ended_at=None).update(ended_at=timezone.now())
        audit.record_in_tx(actor=by, action="room_banned", subject=f"room:{room.public_id}", reason=reason)
        events.publish_in_tx(room_id=room.pk, kind="room_banned", panels=STAGE_PANELS, actor=by, facts={"reason": reason})


def unban_room(*, room: Room, by: User, reason: str) -> None:
    """Open the room again; its show stays ended."""
    access.require(by, access.Power.CUT_SHOW, room)
    with transaction.atomic(durable=True):
        if not Room.objects.filter(pk=room.pk, is_banned=True).update(is_banned=False, ban_reason=""):
            raise Refused(Code.VERSION_CONFLICT, by=by.nickname)
        audit.record_in_tx(actor=by, action="room_unbanned", subject=f"room:{room.public_id}", reason=reason)
        events.publish_in_tx(room_id=room.pk, kind="room_unbanned", panels=STAGE_PANELS, actor=by)


def pin(*, room: Room, item: ShelfItem, by: User) -> Pin:
    """Show a product: the open pin ends, the new one begins; of two operators at once the last wins. Pinning the pinned one changes nothing."""
    access.require(by, access.Power.PIN, room)
    with transaction.atomic(durable=True):
        _refuse_banned(shelf.lock_in_tx(room))
        if not ShelfItem.objects.filter(pk=item.pk, room=room, is_listed=True).update(was_pinned=True):
            raise Refused(Code.NOT_FOUND)
        present = Pin.objects.filter(room=room, ended_at=None).first()
        if present and present.item_id == item.pk:
            return present
        now = timezone.now()
        Pin.objects.filter(room=room, ended_at=None).update(ended_at=now)
        new = Pin.objects.create(room=room, show=current_show(room), item=item, by=by, started_at=now)
        events.publish_in_tx(room_id=room.pk, kind="pinned", panels=["pin", "shelf", "notice"], actor=by, facts={"number": item.number})
    return new


def unpin(*, room: Room, by: User) -> None:
    """Show nothing. Without an open pin nothing changes."""
    access.require(by, access.Power.PIN, room)
    with transaction.atomic(durable=True):
        shelf.lock_in_tx(room)
        if Pin.objects.filter(room=room, ended_at=None).update(ended_at=timezone.now()):
            events.publish_in_tx(room_id=room.pk, kind="unpinned", panels=["pin", "shelf", "notice"], actor=by)


def set_notice(*, room: Room, by: User, text: str) -> None:
    """Write the notice board. Raises Refused(WORD_REFUSED) with the advertising word the law forbids."""
    access.require(by, access.Power.ROOM_MODES, room)
    text = _clean(text)[:300]
    with transaction.atomic(durable=True):
        before = shelf.lock_in_tx(room).notice
        Room.objects.filter(pk=room.pk).update(notice=text)
        audit.record_in_tx(
            actor=by, action="notice_changed", subject=f"room:{room.public_id}", before={"notice": before}, after={"notice": text}
        )
        events.publish_in_tx(room_id=room.pk, kind="notice_changed", panels=["notice"], actor=by)


def current_show(room: Room) -> Show | None:
    """The running show, else the next planned one."""
    shows = Show.objects.filter(room=room)
    return shows.filter(state__in=RUNNING).first() or upcoming.planned(room).first()


def _move(room: Room, by: User | None, allowed: "tuple[int, ...] | list[int]", to: ShowState, kind: str, **changes: object) -> None:
    """One conditional update decides whether the move still applies. Raises Refused(VERSION_CONFLICT)."""
    with transaction.atomic(durable=True):
        shelf.lock_in_tx(room)
        if not Show.objects.filter(room=room, state__in=allowed).update(state=to, **changes):
            raise Refused(Code.VERSION_CONFLICT, by=room.anchor.nickname)
        if to == ShowState.ENDED:
            Pin.objects.filter(room=room, ended_at=None).update(ended_at=timezone.now())
        audit.record_in_tx(actor=by, action=kind, subject=f"room:{room.public_id}", reason=str(changes.get("end_reason", "")))
        events.publish_in_tx(room_id=room.pk, kind=kind, panels=STAGE_PANELS, actor=by)


def _refuse_banned(room: Room) -> None:
    if room.is_banned:
        raise Refused(Code.BANNED, rule=room.ban_reason, until="—")


def _clean(text: str) -> str:
    text = text.strip()
    word = words.banned_in(text)
    if word:
        raise Refused(Code.WORD_REFUSED, word=word)
    return text
