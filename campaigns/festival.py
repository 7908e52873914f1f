"""Festival coupons: the platform pays, anchors drop them in their rooms. A dry run says what it would cost before anybody decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from campaigns import coupons
from campaigns.models import Coupon, CouponAudience, CouponFunder, CouponState, Drop, DropState
from rooms.models import Follow, FollowChange, Room


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be given: in each room `total` coupons of `off_fen` from `threshold_fen` on, valid `valid_days` after taking."""

    title: str
    off_fen: int
    threshold_fen: int
    total: int
    per_person: int
    audience: int
    valid_days: int


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
    count = len(rooms) * offer.total
    waiting = Drop.objects.filter(room__in=rooms, state=DropState.PLANNED, coupon__state=CouponState.DRAFT).values("room")
    return DryRun(
        rooms=len(rooms),
        coupons=count,
        cost_fen=count * offer.off_fen,
        sales_fen=count * max(offer.threshold_fen, offer.off_fen),
        people=_people(rooms, offer.audience),
        clashes=list(Room.objects.filter(pk__in=waiting)),
    )


def give(*, rooms: Sequence[Room], offer: Offer, by: User) -> list[Coupon]:
    """One platform coupon for each room, planned as a drop for its anchor to press. Raises Refused(FORBIDDEN | INVALID)."""
    given = []
    for room in rooms:
        coupon = coupons.plan(
            by=by,
            title=offer.title,
            off_fen=offer.off_fen,
            threshold_fen=offer.threshold_fen,
            total=offer.total,
            per_person=offer.per_person,
            audience=offer.audience,
            valid_days=offer.valid_days,
            target=coupons.Target(),
            room=room,
            funder=CouponFunder.PLATFORM,
        )
        with transaction.atomic(durable=True):
            Drop.objects.create(room=room, coupon=coupon, by=by)
        given.append(coupon)
    return given


def _people(rooms: Sequence[Room], audience: int) -> int:
    if audience == CouponAudience.ANYONE:
        return User.objects.filter(is_active=True, is_staff=False).count()
    if audience == CouponAudience.FAN:
        return Follow.objects.filter(room__in=rooms).values("user").distinct().count()
    known = FollowChange.objects.filter(room__in=rooms, change=1).values("user")  # whoever left and comes back is not new
    return User.objects.filter(is_active=True, is_staff=False).exclude(follows__room__in=rooms).exclude(pk__in=known).count()
