"""What operators decide about recordings: a legal hold of a show's, with its reason, and how many days a room keeps its own."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.models import User
from liveshop.refusals import Code, Refused
from rooms import stage
from rooms.models import Room, Show
from rooms.video.models import Recording


def hold(*, show: Show, by: User, reason: str) -> None:
    """From now on no recording of this show is removed, nor one that a running show adds. Joins the caller's transaction.

    Raises Refused(INVALID) when nothing of it is left to hold.
    """
    access.require(by, access.Power.CUT_SHOW)
    reason = _given(reason)
    with transaction.atomic():
        before = _locked(show)
        if before.state not in stage.RUNNING and not Recording.objects.filter(show=show, removed_at=None).exists():
            raise Refused(Code.INVALID, why=_("Nothing of this show is recorded any more"))
        _set(before, by, "recordings.held", reason, held=reason)


def release(*, show: Show, by: User, reason: str) -> None:
    """Lift it: days and quota count again. Raises Refused(INVALID) without a hold. Joins the caller's transaction."""
    access.require(by, access.Power.CUT_SHOW)
    reason = _given(reason)
    with transaction.atomic():
        before = _locked(show)
        if not before.hold_reason:
            raise Refused(Code.INVALID, why=_("This show is under no legal hold"))
        _set(before, by, "recordings.released", reason, held="")


def keep(*, room: Room, by: User, days: int | None) -> None:
    """How long this room's recordings are kept; None: as set for the site. Joins the caller's transaction."""
    access.require(by, access.Power.CUT_SHOW)
    if days is not None and days < 1:
        raise Refused(Code.INVALID, why=_("At least one day"))
    with transaction.atomic():
        before = Room.objects.select_for_update(no_key=True, of=("self",)).get(pk=room.pk).keep_days
        Room.objects.filter(pk=room.pk).update(keep_days=days)
        subject = f"room:{room.public_id}"
        audit.record_in_tx(actor=by, action="recordings.keep_days", subject=subject, before={"days": before}, after={"days": days})


def _locked(show: Show) -> Show:
    """Under the lock that a removal takes as well: what is held when this commits, was not removed."""
    return Show.objects.select_for_update(no_key=True, of=("self",)).get(pk=show.pk)


def _set(show: Show, by: User, action: str, reason: str, *, held: str) -> None:
    Show.objects.filter(pk=show.pk).update(hold_reason=held)
    before, after = {"hold_reason": show.hold_reason}, {"hold_reason": held}
    audit.record_in_tx(actor=by, action=action, subject=f"show:{show.public_id}", before=before, after=after, reason=reason)


def _given(reason: str) -> str:
    reason = reason.strip()[:200]
    if not reason:
        raise Refused(Code.INVALID, why=_("A reason is needed"))
    return reason
