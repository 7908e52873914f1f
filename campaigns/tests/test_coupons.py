"""Who may plan a coupon: it is somebody's money."""

from datetime import timedelta

import pytest

from accounts.models import User
from campaigns import coupons
from campaigns.models import Coupon, CouponFunder
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from rooms.models import ModeratorGrant, Room
from tests import cast

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
