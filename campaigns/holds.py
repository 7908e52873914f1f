"""The life of a claimed unit: HELD → ORDERED → PAID, or back on sale exactly once.

Whether a hold has run out is judged by the database's clock in the statement that decides. Locks: deal, then claim.
"""

from functools import partial

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns import announcements, waitlist
from campaigns.models import Claim, ClaimKey, ClaimState, Deal, DealState
from catalog import stock
from liveshop.refusals import Code, Refused


def order_in_tx(*, claim_id: int, user: User) -> Claim:
    """HELD → ORDERED while the hold lasts. Raises Refused(NOT_FOUND | ALREADY_CLAIMED | HOLD_EXPIRED)."""
    _need_transaction("order_in_tx")
    deal_id = Claim.objects.filter(pk=claim_id, user=user).values_list("deal_id", flat=True).first()
    if deal_id is None:
        raise Refused(Code.NOT_FOUND)
    if Deal.objects.filter(pk=deal_id, room__is_rehearsal=True).exists():
        raise Refused(Code.FORBIDDEN, why=_("This is a rehearsal: nothing is sold here"))
    _lock_deal_in_tx(deal_id)
    moved = Claim.objects.filter(pk=claim_id, user=user, state=ClaimState.HELD, expires_at__gt=Now()).update(state=ClaimState.ORDERED)
    claim = Claim.objects.select_related("deal__sku__product__shop", "deal__room", "deal__show").get(pk=claim_id)
    if moved:
        return claim
    if claim.state in (ClaimState.ORDERED, ClaimState.PAID):
        raise Refused(Code.ALREADY_CLAIMED, claim=claim.public_id)
    raise Refused(Code.HOLD_EXPIRED)


def paid_in_tx(claim: Claim) -> None:
    """ORDERED → PAID: the deal's unit and its SKU's unit are sold. Raises Refused(HOLD_EXPIRED) when it was given back."""
    _need_transaction("paid_in_tx")
    _lock_deal_in_tx(claim.deal_id)
    if not Claim.objects.filter(pk=claim.pk, state=ClaimState.ORDERED).update(state=ClaimState.PAID):
        raise Refused(Code.HOLD_EXPIRED)
    Deal.objects.filter(pk=claim.deal_id).update(held=F("held") - 1, sold=F("sold") + 1)
    stock.sell_in_tx(sku_id=claim.deal.sku_id, quantity=1)
    announcements.tell_people_in_tx(claim.deal, [claim.user_id])  # she pays in another window: the room's card follows
    claim.state = ClaimState.PAID


def return_in_tx(claim: Claim, reason: str) -> bool:
    """Give an unpaid unit back with the person's right to it; False when somebody else already did.

    Only HELD and ORDERED claims return: what was paid for is a refund's business, not the deal's.
    """
    _need_transaction("return_in_tx")
    _lock_deal_in_tx(claim.deal_id)
    state = ClaimState.EXPIRED if reason == "expired" else ClaimState.RETURNED
    if not Claim.objects.filter(pk=claim.pk, state__in=[ClaimState.HELD, ClaimState.ORDERED]).update(state=state):
        return False
    ClaimKey.objects.filter(claim_id=claim.pk).delete()
    give_back_in_tx(deal_id=claim.deal_id, units=1)
    claim.state = state
    return True


def give_back_in_tx(*, deal_id: int, units: int) -> None:
    """Held units go back on sale, or to the SKU when the deal is over; every process lifts its "sold out" at the commit."""
    deal = Deal.objects.get(pk=deal_id)
    over = deal.state in (DealState.ENDED, DealState.CANCELLED)
    if over:
        Deal.objects.filter(pk=deal_id).update(held=F("held") - units, total=F("total") - units, version=F("version") + 1)
        stock.give_back_in_tx(sku_id=deal.sku_id, quantity=units)
    else:
        Deal.objects.filter(pk=deal_id).update(
            held=F("held") - units, available=F("available") + units, version=F("version") + 1, sold_out_at=None
        )
        waitlist.offer_in_tx(deal_id=deal_id)
        if deal.available == 0:
            # After the commit, for the room's lock comes last and the caller is not done yet.
            transaction.on_commit(partial(announcements.restocked, deal_id), robust=True)
    announcements.tell_in_tx(deal)


def expire_due(limit: int = 500) -> int:
    """Return the units of holds that ran out without an order; returns how many. Several processes may run this at once.

    An ordered unit is returned by the closing of its order.
    """
    due = Claim.objects.filter(state=ClaimState.HELD, expires_at__lte=Now())
    expired = 0
    for deal_id in list(due.order_by("deal_id").values_list("deal_id", flat=True).distinct()):
        with transaction.atomic(durable=True):
            expired += _expire_in_tx(deal_id, limit - expired)
        if expired >= limit:
            break
    return expired


def _expire_in_tx(deal_id: int, limit: int) -> int:
    _lock_deal_in_tx(deal_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT campaigns_expire_claims(%s, %s)", [deal_id, limit])
        units = int(cursor.fetchone()[0])
    if units:
        give_back_in_tx(deal_id=deal_id, units=units)
    return units


def _lock_deal_in_tx(deal_id: int) -> None:
    Deal.objects.select_for_update(no_key=True, of=("self",)).only("pk").get(pk=deal_id)


def _need_transaction(name: str) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError(f"{name} needs the caller's transaction")
