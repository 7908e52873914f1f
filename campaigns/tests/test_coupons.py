"""Who may plan a coupon, for it is somebody's money; who may take one."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import User
from campaigns import claims, coupons, festival, judging
from campaigns.memory import Kind, Target
from campaigns.models import Coupon, CouponAudience, CouponFunder, CouponGrant
from campaigns.outcomes import Tap, from_row
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from rooms import follows
from rooms.models import FollowChange, ModeratorGrant, Room
from tests import cast
from tests.scarce import make_coupon, make_people

pytestmark = pytest.mark.django_db(transaction=True)


def plan(by: User, room: Room, target: coupons.Target) -> Coupon:
    return coupons.plan(by=by, title="", off_fen=500, total=10, target=target, room=room, valid_days=1)


@pytest.mark.parametrize("whole_shop", [False, True])
def test_an_anchor_cannot_spend_the_money_of_a_merchant_whose_goods_she_picked(room: Room, whole_shop: bool) -> None:
    product = cast.make_product()
    cast.make_shelf_item(room, product)
    with pytest.raises(Refused) as refusal:
        plan(room.anchor, room, coupons.Target(shop=product.shop) if whole_shop else coupons.Target(product=product))
    assert refusal.value.code == Code.FORBIDDEN
    assert not Coupon.objects.exists()


def test_a_moderator_who_may_drop_plans_for_the_anchors_own_goods(room: Room, viewer: User) -> None:
    product = cast.make_product(cast.make_shop(room.anchor))
    cast.make_shelf_item(room, product)
    with pytest.raises(Refused):
        plan(viewer, room, coupons.Target(product=product))
    ModeratorGrant.objects.create(room=room, user=viewer, powers=["drop"], granted_by=room.anchor, expires_at=now() + timedelta(hours=1))
    assert plan(viewer, room, coupons.Target(product=product)).funder == CouponFunder.MERCHANT


@pytest.mark.parametrize("fields", [{"off_fen": 10**12}, {"threshold_fen": 10**12}])
def test_an_amount_beyond_all_goods_is_refused(room: Room, fields: dict[str, int]) -> None:
    with pytest.raises(Refused) as refusal:
        coupons.plan(
            by=room.anchor, title="", total=10, target=coupons.Target(shop=cast.make_shop(room.anchor)), room=room, valid_days=1,
            **{"off_fen": 500} | fields,
        )  # fmt: skip
    assert refusal.value.code == Code.INVALID


def take(coupon: Coupon, user: User) -> str:
    return claims.take_now(coupon_id=coupon.pk, user_id=user.pk, key=uuid.uuid4()).code


class TestNewFollowers:
    def test_an_old_fan_who_leaves_and_comes_back_is_not_new(self, viewer: User) -> None:
        coupon = make_coupon(audience=CouponAudience.NEW_FOLLOWER, follow_within_s=600)
        follows.follow(room=coupon.room, user=viewer)
        FollowChange.objects.update(at=now() - timedelta(days=30))
        follows.unfollow(room=coupon.room, user=viewer)
        assert take(coupon, viewer) == Code.FOLLOW_REQUIRED
        follows.follow(room=coupon.room, user=viewer)
        assert take(coupon, viewer) == Code.NOT_ELIGIBLE
        assert not CouponGrant.objects.exists()

    def test_who_left_and_came_back_within_the_time_is_still_new(self, viewer: User) -> None:
        coupon = make_coupon(audience=CouponAudience.NEW_FOLLOWER)
        for change in (follows.follow, follows.unfollow, follows.follow):
            change(room=coupon.room, user=viewer)
        assert take(coupon, viewer) == "WON"

    def test_a_fan_of_another_room_is_new_here(self, viewer: User) -> None:
        coupon = make_coupon(audience=CouponAudience.NEW_FOLLOWER)
        follows.follow(room=cast.make_room(), user=viewer)
        FollowChange.objects.update(at=now() - timedelta(days=30))
        follows.follow(room=coupon.room, user=viewer)
        assert take(coupon, viewer) == "WON"

    def test_a_fan_who_came_back_may_take_what_is_for_fans(self, viewer: User) -> None:
        coupon = make_coupon(audience=CouponAudience.FAN)
        for change in (follows.follow, follows.unfollow, follows.follow):
            change(room=coupon.room, user=viewer)
        assert take(coupon, viewer) == "WON"

    def test_a_dry_run_does_not_count_those_who_left(self, viewer: User, room: Room) -> None:
        offer = festival.Offer("x", 100, 0, 1, 1, CouponAudience.NEW_FOLLOWER, 1)
        before = festival.dry_run(rooms=[room], offer=offer).people
        follows.follow(room=room, user=viewer)
        follows.unfollow(room=room, user=viewer)
        assert festival.dry_run(rooms=[room], offer=offer).people == before - 1

    def test_a_tap_reads_one_entry_of_the_history_however_long_it_is(self) -> None:
        """Others' follows of this room, and hers of all rooms, are not read: neither from end to end nor by a lesser index."""
        coupon, people = make_coupon(audience=CouponAudience.NEW_FOLLOWER, total=50), make_people(300)
        elsewhere = cast.make_room()
        changes = [FollowChange(room=place, user=user, change=1) for user in people for place in [elsewhere] * 10 + [coupon.room] * 3]
        FollowChange.objects.bulk_create(changes)
        taps = [Tap(user.pk, uuid.uuid4()) for user in people[:20]]
        with transaction.atomic(), connection.cursor() as cursor:
            before = history_read(cursor)
            cursor.execute(judging.JUDGE[Kind.COUPON], judging.arguments(Target(Kind.COUPON, coupon.pk), taps, 0, ""))
            assert {from_row(row).code for row in cursor.fetchall()} == {Code.FOLLOW_REQUIRED}
            scans, entries = (after - then for after, then in zip(history_read(cursor), before, strict=True))
        assert scans == 0
        assert entries == len(taps)


def history_read(cursor: Any) -> tuple[int, int]:
    """Whole reads of the follow history, and entries read from its indexes, in this transaction."""
    cursor.execute(
        """SELECT pg_stat_get_xact_numscans('rooms_followchange'::regclass),
          (SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) FROM pg_index WHERE indrelid = 'rooms_followchange'::regclass)"""
    )
    scans, entries = cursor.fetchone()
    return scans, int(entries)


@pytest.mark.parametrize("fields", [{}, {"starts_at": now() + timedelta(hours=1)}])
def test_a_banned_room_gives_no_coupons_out(viewer: User, fields: dict[str, Any]) -> None:
    coupon = make_coupon(total=5, **fields)
    Room.objects.update(is_banned=True)
    outcome = claims.take_now(coupon_id=coupon.pk, user_id=viewer.pk, key=uuid.uuid4())
    assert outcome.code == Code.FROZEN
    assert outcome.facts["is_room_banned"]
    coupon.refresh_from_db()
    assert coupon.issued == CouponGrant.objects.count() == 0
