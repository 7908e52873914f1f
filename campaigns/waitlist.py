"""Waiting for a sold-out deal: first come, first offered. An offered unit is kept for that person for a short while.

Nothing is bought for anybody: an offer is a right to tap, lapses after `OFFER_S`, and then goes to the next in line.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from accounts import access, identity
from accounts.access import Power
from accounts.models import IdentityKind, User
from campaigns import announcements, deals, judging
from campaigns.memory import Kind, Target
from campaigns.models import Deal, DealState, Waiting
from campaigns.outcomes import ClaimOutcome, Tap, from_row
from liveshop.clock import now
from liveshop.refusals import Code, Refused

OFFER_S = 120  # campaigns_claim_batch keeps an offered unit as long


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands in line; `offered_until` once it is her turn, and in the past when her turn went by."""

    number: int
    offered_until: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Her turn went by without a tap."""
        return self.offered_until is not None and self.offered_until <= now()


def join(*, deal: Deal, user: User, device: str = "") -> Place:
    """Stand in line; asking again keeps the first place.

    Raises Refused: what `access` refuses, STILL_AVAILABLE while a unit is free for anybody, and every "no" that a tap
    of this person would hear although a unit is free: who may not win does not wait, nor anybody before it opens.
    """
    access.require(user, Power.CLAIM, deal.room, device=device)
    with transaction.atomic(durable=True):
        fresh = deals.lock_in_tx(deal.pk)
        _offer_and_tell_in_tx(fresh)
        free = fresh.available - _kept(fresh.pk)
        outcome = _verdict_in_tx(fresh, user, device)
        if not outcome.is_won:
            raise outcome.refusal()
        if free > 0:
            raise Refused(Code.STILL_AVAILABLE, left=free)
        own, is_new = Waiting.objects.get_or_create(deal=fresh, user=user)
        if not is_new and own.offered_at is not None and own.offered_at <= _lapsed():
            Waiting.objects.filter(pk=own.pk).update(joined_at=now(), offered_at=None)  # her turn lapsed: to the end of the line
    place = place_of(deal_id=deal.pk, user_id=user.pk)
    if place is None:  # claimed in another tab between the two statements
        raise Refused(Code.ALREADY_CLAIMED)
    return place


def place_of(*, deal_id: int, user_id: int) -> Place | None:
    """The person's place among those still waiting, or 0 with its end since a unit was kept for her; None: not in line."""
    own = Waiting.objects.filter(deal_id=deal_id, user_id=user_id).first()
    if own is None:
        return None
    if own.offered_at is not None:
        return Place(0, own.offered_at + timedelta(seconds=OFFER_S))
    earlier = Waiting.objects.filter(deal_id=deal_id, offered_at=None, joined_at__lt=own.joined_at).count()
    return Place(earlier + 1)


def offer_in_tx(*, deal_id: int) -> int:
    """Offer free units that nobody was offered to the next in line, and tell them; returns how many. The deal must be locked."""
    if not connection.in_atomic_block:
        raise RuntimeError("offer_in_tx needs the caller's transaction")
    if not Waiting.objects.filter(deal_id=deal_id, offered_at=None).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_OFFER, {"deal": deal_id, "offer_s": OFFER_S})
        offered = [user_id for (user_id,) in cursor.fetchall()]
    announcements.tell_people_in_tx(Deal.objects.only("room_id").get(pk=deal_id), offered)
    return len(offered)


def pass_on_lapsed(limit: int = 100) -> int:
    """Offers that lapsed go to the next in line; returns how many new offers were made."""
    waiting = Deal.objects.filter(state=DealState.PUBLISHED, available__gt=0, waitlist__offered_at=None, waitlist__isnull=False)
    made = 0
    for deal_id in list(waiting.distinct().values_list("pk", flat=True)[:limit]):
        with transaction.atomic(durable=True):
            made += _offer_and_tell_in_tx(Deal.objects.select_for_update(no_key=True, of=("self",)).get(pk=deal_id))
    return made


def _offer_and_tell_in_tx(locked: Deal) -> int:
    offered = offer_in_tx(deal_id=locked.pk)
    if offered:
        Deal.objects.filter(pk=locked.pk).update(version=F("version") + 1)
        announcements.tell_in_tx(locked)
    return offered


def _verdict_in_tx(locked: Deal, user: User, device: str) -> ClaimOutcome:
    """What this person would hear if one more unit were there and she tapped now. Judged by the judge of taps, then undone."""
    phone = identity.digest(IdentityKind.PHONE, user.phone) if user.phone else None
    tap = Tap(user.pk, uuid.uuid4(), phone, identity.digest(IdentityKind.DEVICE, device) if device else None)
    with transaction.atomic():
        Deal.objects.filter(pk=locked.pk).update(total=F("total") + 1, available=F("available") + 1)
        with connection.cursor() as cursor:
            cursor.execute(judging.JUDGE[Kind.DEAL], judging.arguments(Target(Kind.DEAL, locked.pk), [tap], 0, judging.ALONE))
            outcome = from_row(cursor.fetchone())
        transaction.set_rollback(True)
    return outcome


def _kept(deal_id: int) -> int:
    """Units that are kept for people whose turn it is."""
    return Waiting.objects.filter(deal_id=deal_id, offered_at__gt=_lapsed()).count()


def _lapsed() -> datetime:
    return now() - timedelta(seconds=OFFER_S)


# The units that are free and not kept for anybody go to those who wait longest.
_OFFER = """
UPDATE campaigns_waiting SET offered_at = clock_timestamp() WHERE id IN (
  SELECT w.id FROM campaigns_waiting w WHERE w.deal_id = %(deal)s AND w.offered_at IS NULL ORDER BY w.joined_at, w.id
  LIMIT greatest(0, (SELECT d.available - (SELECT count(*) FROM campaigns_waiting o
    WHERE o.deal_id = d.id AND o.offered_at > clock_timestamp() - make_interval(secs => %(offer_s)s))
    FROM campaigns_deal d WHERE d.id = %(deal)s AND d.state = 1)))
RETURNING user_id
"""
