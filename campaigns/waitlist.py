"""Waiting for a sold-out deal: first come, first offered. An offered unit is kept for that person for a short while.

Nothing is bought for anybody: an offer is a right to tap, lapses after `OFFER_S`, and then goes to the next in line.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from accounts import access
from accounts.access import Power
from accounts.models import User
from campaigns import announcements
from campaigns.models import Claim, ClaimState, Deal, DealState, Waiting
from liveshop.clock import now
from liveshop.refusals import Code, Refused

OFFER_S = 120  # campaigns_claim_batch keeps an offered unit as long
LIVE = [ClaimState.HELD, ClaimState.ORDERED, ClaimState.PAID]


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands in line; `offered_until` once it is her turn."""

    number: int
    offered_until: datetime | None = None


def join(*, deal: Deal, user: User, device: str = "") -> Place:
    """Stand in line; asking again keeps the first place.

    Raises Refused: what `access` refuses, ENDED for a deal that is over, ALREADY_CLAIMED for somebody who has a unit.
    """
    access.require(user, Power.CLAIM, deal.room, device=device)
    if deal.room.anchor_id == user.pk:
        raise Refused(Code.FORBIDDEN)
    with transaction.atomic(durable=True):
        fresh = Deal.objects.select_for_update(no_key=True, of=("self",)).get(pk=deal.pk)
        if fresh.state not in (DealState.PUBLISHED, DealState.FROZEN) or (fresh.ends_at and fresh.ends_at <= now()):
            raise Refused(Code.ENDED)
        if Claim.objects.filter(deal=fresh, user=user, state__in=LIVE).exists():
            raise Refused(Code.ALREADY_CLAIMED)
        own, is_new = Waiting.objects.get_or_create(deal=fresh, user=user)
        if not is_new and own.offered_at is not None and own.offered_at <= now() - timedelta(seconds=OFFER_S):
            Waiting.objects.filter(pk=own.pk).update(joined_at=now(), offered_at=None)  # her turn lapsed: to the end of the line
        if fresh.available:
            offer_in_tx(deal_id=fresh.pk)
    place = place_of(deal_id=deal.pk, user_id=user.pk)
    if place is None:  # claimed in another tab between the two statements
        raise Refused(Code.ALREADY_CLAIMED)
    return place


def place_of(*, deal_id: int, user_id: int) -> Place | None:
    """The person's place among those still waiting, or 0 with its end while a unit is kept for her; None: not in line."""
    own = Waiting.objects.filter(deal_id=deal_id, user_id=user_id).first()
    if own is None:
        return None
    if own.offered_at is not None:
        until = own.offered_at + timedelta(seconds=OFFER_S)
        return Place(0, until) if until > now() else None
    earlier = Waiting.objects.filter(deal_id=deal_id, offered_at=None, joined_at__lt=own.joined_at).count()
    return Place(earlier + 1)


def offer_in_tx(*, deal_id: int) -> int:
    """Offer free units that nobody was offered to the next in line; returns how many. The deal must be locked."""
    if not connection.in_atomic_block:
        raise RuntimeError("offer_in_tx needs the caller's transaction")
    if not Waiting.objects.filter(deal_id=deal_id, offered_at=None).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_OFFER, {"deal": deal_id, "offer_s": OFFER_S})
        return len(cursor.fetchall())


def pass_on_lapsed(limit: int = 100) -> int:
    """Offers that lapsed go to the next in line; returns how many new offers were made."""
    waiting = Deal.objects.filter(state=DealState.PUBLISHED, available__gt=0, waitlist__offered_at=None, waitlist__isnull=False)
    made = 0
    for deal_id in list(waiting.distinct().values_list("pk", flat=True)[:limit]):
        with transaction.atomic(durable=True):
            deal = Deal.objects.select_for_update(no_key=True, of=("self",)).get(pk=deal_id)
            offered = offer_in_tx(deal_id=deal_id)
            if offered:
                Deal.objects.filter(pk=deal_id).update(version=F("version") + 1)
                announcements.tell_in_tx(deal)
            made += offered
    return made


# The units that are free and not kept for anybody go to those who wait longest.
_OFFER = """
UPDATE campaigns_waiting SET offered_at = clock_timestamp() WHERE id IN (
  SELECT w.id FROM campaigns_waiting w WHERE w.deal_id = %(deal)s AND w.offered_at IS NULL ORDER BY w.joined_at, w.id
  LIMIT greatest(0, (SELECT d.available - (SELECT count(*) FROM campaigns_waiting o
    WHERE o.deal_id = d.id AND o.offered_at > clock_timestamp() - make_interval(secs => %(offer_s)s))
    FROM campaigns_deal d WHERE d.id = %(deal)s AND d.state = 1)))
RETURNING user_id
"""
