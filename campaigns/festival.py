"""Festival coupons: the platform pays. Anchors drop them in their rooms; those of no room are taken on the page of one's coupons.

A dry run says what it would cost before anybody decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns import announcements, coupons
from campaigns.models import Coupon, CouponAudience, CouponFunder, CouponGrant, CouponState, Drop, DropState
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from rooms.models import Follow, FollowChange, Room


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be given: in each room `total` coupons of `off_fen` from `threshold_fen` on, valid `valid_days` after taking.

    For one category, or the whole site. `starts_at` opens it everywhere by itself; nobody takes one after `ends_at`.
    """

    title: str
    off_fen: int
    threshold_fen: int
    total: int
    per_person: int
    audience: int
    valid_days: int
    category_id: int | None = None
    follow_within_s: int = 600
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would happen: `cost_fen` if every coupon is used, `people` who may take one now, rooms that hold undropped coupons already."""

    rooms: int
    coupons: int
    cost_fen: int
    sales_fen: int
    people: int
    clashes: list[Room]


def dry_run(*, rooms: Sequence[Room], offer: Offer) -> DryRun:
    """Nothing is written. `sales_fen` is the least that buyers must spend for the whole cost to arise."""
    count = max(1, len(rooms)) * offer.total
    waiting = Drop.objects.filter(room__in=rooms, state=DropState.PLANNED, coupon__state=CouponState.DRAFT).values("room")
    return DryRun(
        rooms=len(rooms),
        coupons=count,
        cost_fen=count * offer.off_fen,
        sales_fen=count * max(offer.threshold_fen, offer.off_fen),
        people=_people(rooms, offer.audience),
        clashes=list(Room.objects.filter(pk__in=waiting)),
    )


def give(*, rooms: Sequence[Room], offer: Offer, by: User, key: UUID) -> list[Coupon]:
    """One platform coupon for each room, planned as a drop that its anchor or the clock presses; without rooms one that is open to all.

    The same key again gives nothing more, and what a broken attempt left out. Raises Refused(FORBIDDEN | INVALID | WORD_REFUSED).
    """
    if offer.starts_at and not offer.ends_at:
        raise Refused(Code.INVALID, why=_("Say when it ends as well"))
    if not rooms:
        return [_open(_given(offer, by, None, key))]
    coupons_of_rooms = [_given(offer, by, room, key) for room in rooms]
    for coupon in coupons_of_rooms:
        with transaction.atomic(durable=True):
            Coupon.objects.select_for_update(no_key=True, of=("self",)).get(pk=coupon.pk)
            Drop.objects.get_or_create(
                room=coupon.room, coupon=coupon, defaults={"by": by, "not_before": offer.starts_at, "until": offer.ends_at}
            )
    return coupons_of_rooms


def open_to_all(user: User) -> list[Coupon]:
    """The coupons of no room that this person may take now, those that end soonest first."""
    moment, own = now(), CouponGrant.objects.filter(coupon=OuterRef("pk"), user=user).values("coupon").annotate(n=Count("pk")).values("n")
    found = Coupon.objects.filter(Q(ends_at=None) | Q(ends_at__gt=moment), room=None, state=CouponState.PUBLISHED, starts_at__lte=moment)
    mine = found.alias(had=Coalesce(Subquery(own), 0)).filter(had__lt=F("per_person"), issued__lt=F("total"))
    return list(mine.select_related("category", "product", "shop").order_by(F("ends_at").asc(nulls_last=True), "pk"))


def _given(offer: Offer, by: User, room: Room | None, key: UUID) -> Coupon:
    earlier = Coupon.objects.filter(batch=key, room=room)
    try:
        return earlier.first() or _plan(offer, by, room, key)
    except IntegrityError:  # the same form at the same time
        return earlier.get()


def _plan(offer: Offer, by: User, room: Room | None, key: UUID) -> Coupon:
    return coupons.plan(
        batch=key,
        by=by,
        title=offer.title,
        off_fen=offer.off_fen,
        threshold_fen=offer.threshold_fen,
        total=offer.total,
        per_person=offer.per_person,
        audience=offer.audience,
        follow_within_s=offer.follow_within_s,
        valid_days=offer.valid_days,
        starts_at=offer.starts_at,
        ends_at=offer.ends_at,
        target=coupons.Target(category_id=offer.category_id),
        room=room,
        funder=CouponFunder.PLATFORM,
    )


def _open(coupon: Coupon) -> Coupon:
    with transaction.atomic(durable=True):
        if Coupon.objects.filter(pk=coupon.pk, state=CouponState.DRAFT).update(
            state=CouponState.PUBLISHED, starts_at=coupon.starts_at or now()
        ):
            announcements.tell_coupon_in_tx(coupon)
    coupon.refresh_from_db()
    return coupon


def _people(rooms: Sequence[Room], audience: int) -> int:
    if audience == CouponAudience.ANYONE:
        return User.objects.filter(is_active=True, is_staff=False).count()
    if audience == CouponAudience.FAN:
        return Follow.objects.filter(room__in=rooms).values("user").distinct().count()
    known = FollowChange.objects.filter(room__in=rooms, change=1).values("user")  # whoever left and comes back is not new
    return User.objects.filter(is_active=True, is_staff=False).exclude(follows__room__in=rooms).exclude(pk__in=known).count()
