"""Drops: a deal or coupon opening in a room, pressed now or at a planned time, taken back within three seconds.

While the undo lasts viewers see "soon" and the database refuses every tap, so that a drop taken back was never open.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from accounts import access, audit
from accounts.access import Power
from accounts.models import User
from campaigns import announcements, commitments, deals
from campaigns.announcements import PANELS
from campaigns.models import Coupon, CouponState, Deal, DealState, Drop, DropState
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from rooms import events
from rooms.models import Room

RUN_S = 300
# A planned drop is announced with a countdown of at most this long.
ANNOUNCE_S = 120


def plan(*, room: Room, coupon: Coupon, by: User, at: datetime | None = None, run_s: int = RUN_S) -> Drop:
    """A drop of a coupon; a deal gets its own when it is planned. Raises Refused(FORBIDDEN)."""
    access.require(by, Power.DROP, room)
    with transaction.atomic(durable=True):
        if at is not None:
            Coupon.objects.filter(pk=coupon.pk).update(starts_at=at, ends_at=at + timedelta(seconds=run_s))
        return Drop.objects.create(room=room, show=deals.live_show(room), coupon=coupon, run_s=run_s, by=by)


def press(*, drop: Drop, by: User | None, opens_in_s: float = 0, run_s: int | None = None) -> Drop:
    """Open it: viewers see it at once, and may tap when the undo is over. `by` None is the clock, `run_s` None as planned.

    The window that the platform gave a festival coupon stands, whoever presses. Raises Refused: FORBIDDEN, INVALID for a run
    that makes no sense, ENDED after that window, VERSION_CONFLICT when it was pressed already.
    """
    if by is not None:
        access.require(by, Power.DROP, drop.room)
    run_s = drop.run_s if run_s is None else run_s
    if not deals.RUN_S[0] <= run_s <= deals.RUN_S[1] or opens_in_s < 0:
        raise Refused(Code.INVALID, why=str(run_s))
    with transaction.atomic(durable=True):
        moment = now()
        starts_at = moment + timedelta(seconds=max(settings.DROP_UNDO_S, opens_in_s))
        starts_at = max(starts_at, drop.not_before or starts_at)
        ends_at = drop.until or starts_at + timedelta(seconds=run_s)
        if ends_at <= starts_at:
            raise Refused(Code.ENDED)
        _open_in_tx(drop, starts_at, ends_at)
        show = deals.live_show(drop.room)
        pressed = Drop.objects.filter(pk=drop.pk).exclude(state=DropState.DROPPED)
        if not pressed.update(state=DropState.DROPPED, pressed_at=moment, show=show):
            raise Refused(Code.VERSION_CONFLICT)
        promised = commitments.commit_in_tx(drop.deal_id) if drop.deal_id is not None else None
        _record_in_tx(drop, by, "drop.press", "drop_pressed", promised.terms_hash if promised else "")
    drop.refresh_from_db()
    return drop


def undo(*, drop: Drop, by: User) -> None:
    """Take it back before anybody could tap. Raises Refused(FORBIDDEN), Refused(VERSION_CONFLICT) when the 3 s are over."""
    access.require(by, Power.DROP, drop.room)
    with transaction.atomic(durable=True):
        if drop.deal_id is not None:
            deals.lock_in_tx(drop.deal_id)
        else:
            Coupon.objects.select_for_update(no_key=True, of=("self",)).get(drops=drop)
        recent = now() - timedelta(seconds=settings.DROP_UNDO_S)  # asked when nobody can be judged any more
        taken_back = Drop.objects.filter(pk=drop.pk, state=DropState.DROPPED, pressed_at__gt=recent)
        if not taken_back.update(state=DropState.UNDONE, pressed_at=None) or not _close_in_tx(drop):
            raise Refused(Code.VERSION_CONFLICT)
        _record_in_tx(drop, by, "drop.undo", "drop_undone")


def press_due(limit: int = 50) -> int:
    """Announce planned drops whose time is near; returns how many.

    One whose whole time went by while nobody was at work waits for its anchor: nobody is there to tap, days later.
    """
    moment = now()
    soon = moment + timedelta(seconds=ANNOUNCE_S)
    near = Q(deal__starts_at__lte=soon, deal__ends_at__gt=moment) | Q(coupon__starts_at__lte=soon, coupon__ends_at__gt=moment)
    due = Drop.objects.filter(near, state=DropState.PLANNED)
    pressed = 0
    for drop in list(due.select_related("room", "deal", "coupon")[:limit]):
        thing = drop.deal or drop.coupon
        if thing is None or thing.starts_at is None:
            continue
        try:
            press(drop=drop, by=None, opens_in_s=max(0.0, (thing.starts_at - now()).total_seconds()))
            pressed += 1
        except Refused:
            continue  # pressed by hand or cancelled meanwhile
    return pressed


def coupon_changed_in_tx(coupon: Coupon, kind: str, by: User | None) -> None:
    """Show a coupon's new state in its room."""
    announcements.tell_coupon_in_tx(coupon)
    if coupon.room_id is not None:
        events.publish_in_tx(room_id=coupon.room_id, kind=kind, panels=PANELS, actor=by, facts={"coupon": coupon.public_id})


def _open_in_tx(drop: Drop, starts_at: datetime, ends_at: datetime) -> None:
    if drop.deal_id is not None:
        deals.lock_in_tx(drop.deal_id)
        opened = Deal.objects.filter(pk=drop.deal_id, state=DealState.DRAFT).update(
            state=DealState.PUBLISHED, starts_at=starts_at, ends_at=ends_at, version=F("version") + 1
        )
    else:
        opened = Coupon.objects.filter(drops=drop, state=CouponState.DRAFT).update(
            state=CouponState.PUBLISHED, starts_at=starts_at, ends_at=ends_at, version=F("version") + 1
        )
    if not opened:
        raise Refused(Code.VERSION_CONFLICT)


def _close_in_tx(drop: Drop) -> int:
    """Back to a draft; 0 when somebody had tapped or it was ended meanwhile."""
    if drop.deal_id is not None:
        untouched = Deal.objects.filter(pk=drop.deal_id, state=DealState.PUBLISHED, attempts=0)
        return untouched.update(state=DealState.DRAFT, starts_at=None, ends_at=None)
    ungiven = Coupon.objects.filter(drops=drop, state=CouponState.PUBLISHED, issued=0)
    return ungiven.update(state=CouponState.DRAFT, starts_at=None, ends_at=None)


def _record_in_tx(drop: Drop, by: User | None, action: str, kind: str, promised: str = "") -> None:
    audit.record_in_tx(actor=by, action=action, subject=f"drop:{drop.public_id}", after={"terms": promised} if promised else None)
    if drop.deal is not None:
        announcements.tell_in_tx(drop.deal)
    elif drop.coupon is not None:
        announcements.tell_coupon_in_tx(drop.coupon)
    facts = {"drop": drop.public_id, **({"terms": promised} if promised else {})}
    events.publish_in_tx(room_id=drop.room_id, kind=kind, panels=PANELS, actor=by, facts=facts)
