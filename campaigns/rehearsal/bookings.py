"""Asking for a rehearsal, ending it, and cleaning up after one that died. One at a time on a site."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.access import Power
from accounts.models import User
from campaigns import deals
from campaigns.models import Rehearsal, RehearsalState
from campaigns.rehearsal import scenery
from catalog.models import Sku
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from rooms.models import Room

CROWD_MIN = 20
LENGTHS_S = (60, 180, 300, 600)
RUN_S = (10, 300)
# From the booking to a crowd on its way; and from the last act to a struck stage.
START_S, END_S = 60, 90
FINISH, ABORT = "finish", "abort"
log = structlog.get_logger(__name__)


def book(*, room: Room, by: User, sku: Sku, price_fen: int, total: int, run_s: int, crowd: int, length_s: int = 180) -> Rehearsal:
    """Ask for a rehearsal; a job starts its crowd.

    Raises Refused: FORBIDDEN for anybody but the anchor, while her show is on air or another rehearsal runs; INVALID for nonsense.
    """
    from campaigns.tasks import start_rehearsal  # tasks import this module

    access.require(by, Power.GO_LIVE, room)
    if room.is_banned or room.is_rehearsal:
        raise Refused(Code.FORBIDDEN, why=room.ban_reason)
    _require_sense(room, sku, price_fen, total, run_s, crowd, length_s)
    clear_stale()
    try:
        with transaction.atomic(durable=True):
            if deals.live_show(room) is not None:
                raise Refused(Code.FORBIDDEN, why=_("You are on air: rehearse before or after the show"))
            booked = Rehearsal.objects.create(
                room=room,
                by=by,
                sku=sku,
                title=sku.product.title[:50],
                price_fen=price_fen,
                total=total,
                run_s=run_s,
                crowd=crowd,
                length_s=length_s,
                server=settings.REHEARSAL_SERVER,
                deadline=now() + timedelta(seconds=START_S),
            )
            after = {"crowd": crowd, "total": total, "price_fen": price_fen}
            audit.record_in_tx(actor=by, action="rehearsal.book", subject=_subject(booked), after=after)
            start_rehearsal.defer(rehearsal=booked.public_id)
    except IntegrityError as clash:
        raise Refused(Code.FORBIDDEN, why=_("Another rehearsal is running on this site: try again in a few minutes")) from clash
    return booked


def begin(rehearsal: Rehearsal) -> scenery.Scenery | None:
    """Build the stage and take the slot for the whole length; None when it was broken off or begun already."""
    until = now() + timedelta(seconds=rehearsal.length_s + END_S)
    with transaction.atomic(durable=True):
        waiting = Rehearsal.objects.filter(pk=rehearsal.pk, state=RehearsalState.BOOKED)
        if not waiting.update(state=RehearsalState.RUNNING, started_at=now(), deadline=until):
            return None
        built = scenery.build_in_tx(rehearsal)
        Rehearsal.objects.filter(pk=rehearsal.pk).update(stage=built.room)
    rehearsal.refresh_from_db()
    return built


def wish(*, rehearsal: Rehearsal, by: User, wish: str) -> None:
    """Finish it now with a score, or break it off without one. Raises Refused(FORBIDDEN), VERSION_CONFLICT when it is over."""
    access.require(by, Power.GO_LIVE, rehearsal.room)
    if wish not in (FINISH, ABORT):
        raise Refused(Code.INVALID, why=wish)
    if wish == ABORT and Rehearsal.objects.filter(pk=rehearsal.pk, state=RehearsalState.BOOKED).exists():
        end(rehearsal, RehearsalState.ABORTED, why="asked")
        return
    going = Rehearsal.objects.filter(pk=rehearsal.pk, state__in=[RehearsalState.BOOKED, RehearsalState.RUNNING])
    if not going.update(wish=wish):
        raise Refused(Code.VERSION_CONFLICT, by=by.nickname)


def end(rehearsal: Rehearsal, state: RehearsalState, *, why: str = "", score: dict[str, object] | None = None) -> bool:
    """Over: keep the score, strike the stage, free the slot. False when it was over already."""
    with transaction.atomic(durable=True):
        held = Rehearsal.objects.select_for_update(no_key=True, of=("self",)).filter(pk=rehearsal.pk, slot=1).first()
        if held is None:
            return False
        scenery.close_in_tx(held)
        Rehearsal.objects.filter(pk=held.pk).update(state=state, why=why, score=score, ended_at=now(), slot=None, progress={})
        audit.record_in_tx(actor=None, action="rehearsal.end", subject=_subject(held), reason=why)
    scenery.strike(rehearsal.public_id)
    return True


def clear_stale() -> int:
    """End what died with its process or was never begun, and strike what a killed process left standing; returns how many."""
    ended = 0
    for dead in Rehearsal.objects.filter(slot=1, deadline__lt=now()):
        why = "no_worker" if dead.state == RehearsalState.BOOKED else "died"
        ended += end(dead, RehearsalState.FAILED, why=why)
    for name in Rehearsal.objects.filter(slot=None, stage__isnull=False).values_list("public_id", flat=True):
        scenery.strike(name)
    return ended


def _require_sense(room: Room, sku: Sku, price_fen: int, total: int, run_s: int, crowd: int, length_s: int) -> None:
    if sku.product.shop.owner_id != room.anchor_id:
        raise Refused(Code.FORBIDDEN, why=_("Only goods of your own shop can be given away"))
    if not 0 < price_fen < sku.price_fen:
        raise Refused(Code.INVALID, why=_("A deal must cost less than the shelf price, and more than nothing"))
    if not CROWD_MIN <= crowd <= settings.REHEARSAL_CROWD_MAX:
        limits = {"least": CROWD_MIN, "most": settings.REHEARSAL_CROWD_MAX}
        raise Refused(Code.INVALID, why=_("A crowd has %(least)s to %(most)s people here") % limits)
    if not 1 <= total <= deals.MAX_TOTAL:
        raise Refused(Code.INVALID, why=_("Choose between 1 and %(most)s pieces") % {"most": deals.MAX_TOTAL})
    if not RUN_S[0] <= run_s <= RUN_S[1] or length_s not in LENGTHS_S:
        raise Refused(Code.INVALID, why=str(run_s))


def _subject(rehearsal: Rehearsal) -> str:
    return f"rehearsal:{rehearsal.public_id}"
