"""Deals: planned with units from the SKU's stock, frozen, ended, cancelled. How they open is `campaigns.drops`.

total = available + held + sold at every commit. Locks: deal, then SKU, the room's row last.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.access import Power
from accounts.models import User
from campaigns import announcements, leases
from campaigns.announcements import PANELS
from campaigns.models import Deal, DealKind, DealState, Drop, DropState
from catalog import products, stock
from catalog.models import Sku
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from rooms import events
from rooms.models import Room, Show, ShowState

RUN_S = (10, 86_400)
HOLD_S = (60, 3600)
MAX_TOTAL = 100_000


def plan(
    *,
    room: Room,
    sku: Sku,
    by: User,
    kind: int = DealKind.GENERAL,
    title: str = "",
    price_fen: int = 100,
    total: int,
    run_s: int = 300,
    at: datetime | None = None,
    per_day_limit: int = 3,
    hold_s: int = 300,
) -> Deal:
    """A deal nobody sees yet, with its drop; its units leave the SKU's stock now. `at` opens it by itself.

    Raises Refused: FORBIDDEN without the right to drop here or for another shop's goods, INVALID for nonsense,
    WORD_REFUSED for a title that advertises as the law forbids, SOLD_OUT when the stock has fewer.
    """
    access.require(by, Power.DROP, room)
    if sku.product.shop.owner_id not in (room.anchor_id, by.pk):
        raise Refused(Code.FORBIDDEN, why=_("Only goods of your own shop can be given away"))
    if not room.shelf_items.filter(product_id=sku.product_id, is_listed=True).exists():
        raise Refused(Code.INVALID, why=_("Put it on the shelf first"))
    _require_sense(sku, price_fen, total, run_s, hold_s, at)
    shown = (title.strip() or sku.product.title)[:60]
    products.check_words(shown)
    with transaction.atomic(durable=True):
        deal = Deal.objects.create(
            room=room,
            show=live_show(room),
            sku=sku,
            kind=kind,
            title=shown,
            price_fen=price_fen,
            total=total,
            available=total,
            per_day_limit=per_day_limit,
            hold_s=hold_s,
            starts_at=at,
            ends_at=at + timedelta(seconds=run_s) if at else None,
            created_by=by,
        )
        Drop.objects.create(room=room, show=deal.show, deal=deal, run_s=run_s, by=by)
        after = {"price_fen": price_fen, "total": total, "sku": sku.public_id, "kind": int(kind)}
        audit.record_in_tx(actor=by, action="deal.plan", subject=_subject(deal), after=after)
        stock.take_in_tx(sku_id=sku.pk, quantity=total)
    return deal


def freeze(*, deal: Deal, by: User, reason: str = "") -> None:
    """No new claims; what people hold stays theirs. Raises Refused(FORBIDDEN | VERSION_CONFLICT)."""
    access.require(by, Power.FREEZE_DEAL, deal.room)
    _move(deal, by, [DealState.PUBLISHED], DealState.FROZEN, "deal_frozen", reason)


def unfreeze(*, deal: Deal, by: User, reason: str = "") -> None:
    """Claims are taken again, until the end that was set. Raises Refused(FORBIDDEN | VERSION_CONFLICT)."""
    access.require(by, Power.FREEZE_DEAL, deal.room)
    _move(deal, by, [DealState.FROZEN], DealState.PUBLISHED, "deal_unfrozen", reason)


def end(*, deal: Deal, by: User, reason: str = "") -> None:
    """Over: unsold units go back to the SKU, held ones follow when they are not paid. Raises Refused(FORBIDDEN | VERSION_CONFLICT)."""
    if not access.may(by, Power.FREEZE_DEAL, deal.room):
        access.require(by, Power.DROP, deal.room)
    _move(deal, by, [DealState.PUBLISHED, DealState.FROZEN], DealState.ENDED, "deal_ended", reason)


def cancel(*, deal: Deal, by: User) -> None:
    """Give up a deal that was never opened. Raises Refused(FORBIDDEN | VERSION_CONFLICT)."""
    access.require(by, Power.DROP, deal.room)
    with transaction.atomic(durable=True):
        fresh = lock_in_tx(deal.pk)
        if not Deal.objects.filter(pk=deal.pk, state=DealState.DRAFT).update(state=DealState.CANCELLED):
            raise Refused(Code.VERSION_CONFLICT)
        Drop.objects.filter(deal=deal).update(state=DropState.UNDONE)
        audit.record_in_tx(actor=by, action="deal.cancel", subject=_subject(deal))
        _units_to_sku_in_tx(fresh)


def end_due(limit: int = 100) -> int:
    """End deals whose time is over; returns how many. Taps after the end are refused without waiting for this."""
    due = Deal.objects.filter(state__in=[DealState.PUBLISHED, DealState.FROZEN], ends_at__lte=Now()).order_by("pk")
    ended = 0
    for deal in list(due.select_related("room")[:limit]):
        try:
            _move(deal, None, [DealState.PUBLISHED, DealState.FROZEN], DealState.ENDED, "deal_ended", "time")
            ended += 1
        except Refused:
            continue  # somebody ended it by hand meanwhile
    return ended


def lock_in_tx(deal_id: int) -> Deal:
    """The deal's row, locked, as it is now, with all its units at home."""
    Deal.objects.select_for_update(no_key=True, of=("self",)).only("pk").get(pk=deal_id)
    leases.recall_in_tx(deal_id)
    return Deal.objects.get(pk=deal_id)


def live_show(room: Room) -> Show | None:
    return room.shows.filter(state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).first()


def _move(deal: Deal, by: User | None, sources: list[DealState], state: DealState, kind: str, reason: str) -> None:
    with transaction.atomic(durable=True):
        fresh = lock_in_tx(deal.pk)
        frozen_for = reason.strip()[:120] if state == DealState.FROZEN else ""
        moved = Deal.objects.filter(pk=deal.pk, state__in=sources)
        if not moved.update(state=state, freeze_reason=frozen_for, version=F("version") + 1):
            raise Refused(Code.VERSION_CONFLICT)
        before = {"state": fresh.state, "available": fresh.available, "held": fresh.held, "sold": fresh.sold}
        audit.record_in_tx(actor=by, action=kind.replace("_", "."), subject=_subject(deal), before=before, reason=reason)
        if state == DealState.ENDED:
            _units_to_sku_in_tx(fresh)
        announcements.tell_in_tx(deal)
        events.publish_in_tx(room_id=deal.room_id, kind=kind, panels=PANELS, actor=by, facts={"deal": deal.public_id})


def _units_to_sku_in_tx(locked: Deal) -> None:
    """The free units of a deal that is over go back to its SKU."""
    if locked.available:
        Deal.objects.filter(pk=locked.pk).update(total=F("total") - locked.available, available=0)
        stock.give_back_in_tx(sku_id=locked.sku_id, quantity=locked.available)


def _require_sense(sku: Sku, price_fen: int, total: int, run_s: int, hold_s: int, at: datetime | None) -> None:
    if not 0 < price_fen < sku.price_fen:
        raise Refused(Code.INVALID, why=_("A deal must cost less than the shelf price, and more than nothing"))
    if not 1 <= total <= MAX_TOTAL:
        raise Refused(Code.INVALID, why=_("Choose between 1 and %(most)s pieces") % {"most": MAX_TOTAL})
    if not RUN_S[0] <= run_s <= RUN_S[1] or not HOLD_S[0] <= hold_s <= HOLD_S[1]:
        raise Refused(Code.INVALID, why=_("A deal runs from 10 seconds to a day; a hold lasts from 1 to 60 minutes"))
    if at is not None and at <= now():
        raise Refused(Code.INVALID, why=_("The time has passed"))


def _subject(deal: Deal) -> str:
    return f"deal:{deal.public_id}"
