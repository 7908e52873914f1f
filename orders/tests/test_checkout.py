"""Placing: what is accepted is what is charged, everything is taken or nothing is."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import User
from campaigns.models import CouponGrant, GrantState
from catalog.models import ProductState, Sku
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from orders import checkout, closing, readings
from orders.models import Order, OrderLine, OrderState
from orders.tests import shop
from rooms.models import Room, ShelfItem
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def refused(act: Callable[[], object]) -> Refused:
    """The refusal of an act that must leave no order behind."""
    before = Order.objects.count()
    with pytest.raises(Refused) as caught:
        act()
    assert Order.objects.count() == before
    return caught.value


def test_order_keeps_every_snapshot(viewer: User, room: Room) -> None:
    product = cast.make_product(cast.make_shop(freight_fen=600), price_fen=3333)
    grant = shop.make_grant(viewer, product.shop, off_fen=1000)
    item = shop.make_shelf(room, product)
    order = shop.place(
        viewer, product, quantity=3, item=item, room=None, grant_id=grant.public_id, due_fen=9999 - 1000 + 600, note=" 快点 "
    )
    line = OrderLine.objects.get()
    assert (order.goods_fen, order.discount_fen, order.freight_fen, order.due_fen) == (9999, 1000, 600, 9599)
    assert (line.title, line.shelf_item, line.merchant_discount_fen) == (product.title, item, 1000)
    assert line.shares == [{"merchant": 334, "platform": 0}, {"merchant": 333, "platform": 0}, {"merchant": 333, "platform": 0}]
    assert (order.room, order.show, order.note) == (room, room.shows.get(), "快点")
    assert order.address["detail"] == viewer.addresses.get().detail
    product.title, product.shop.freight_fen = "新名字", 9900
    product.save()
    product.shop.save()
    line.refresh_from_db()
    assert line.title != "新名字"


def test_a_changed_price_asks_again_and_takes_nothing(viewer: User) -> None:
    product = cast.make_product(price_fen=3990, stock=5)
    Sku.objects.update(price_fen=4290)
    no = refused(lambda: shop.place(viewer, product, due_fen=3990))
    assert (no.code, no.facts["old"], no.facts["new"]) == (Code.PRICE_CHANGED, "¥39.90", "¥42.90")
    assert shop.stock_of(product) == (5, 0, 0)


def test_a_coupon_that_ran_out_meanwhile_asks_again(viewer: User) -> None:
    product = cast.make_product(price_fen=3990)
    grant = shop.make_grant(viewer, product.shop)
    CouponGrant.objects.update(expires_at=grant.granted_at)
    assert refused(lambda: shop.place(viewer, product, grant_id=grant.public_id, due_fen=3490)).code is Code.PRICE_CHANGED
    grant.refresh_from_db()
    assert grant.state == GrantState.UNUSED


def test_somebody_elses_coupon_is_no_discount(viewer: User, other_anchor: User) -> None:
    product = cast.make_product(price_fen=3990)
    grant = shop.make_grant(other_anchor, product.shop)
    assert refused(lambda: shop.place(viewer, product, grant_id=grant.public_id, due_fen=3490)).code is Code.PRICE_CHANGED


def test_the_same_key_is_the_same_order(viewer: User) -> None:
    product, key = cast.make_product(stock=1), uuid.uuid4()
    assert shop.place(viewer, product, key=key) == shop.place(viewer, product, key=key)
    assert shop.stock_of(product) == (0, 1, 0)


def test_sold_out_leaves_no_order_and_no_locked_coupon(viewer: User) -> None:
    product = cast.make_product(price_fen=3990, stock=1)
    grant = shop.make_grant(viewer, product.shop)
    assert refused(lambda: shop.place(viewer, product, quantity=2, grant_id=grant.public_id, due_fen=7480)).code is Code.SOLD_OUT
    grant.refresh_from_db()
    assert (grant.state, shop.stock_of(product)) == (GrantState.UNUSED, (1, 0, 0))


def test_two_lines_of_one_sku_are_one_demand(viewer: User) -> None:
    product = cast.make_product(price_fen=1000, stock=3)
    sku, address = product.skus.get(), shop.make_address(viewer)
    no = refused(
        lambda: checkout.place(
            buyer=viewer,
            key=uuid.uuid4(),
            items=[(sku, 2, None), (sku, 2, None)],
            address=address,
            grant_id="",
            accepted_due_fen=4000,
            room=None,
        )
    )
    assert no.code is Code.SOLD_OUT
    assert shop.stock_of(product) == (3, 0, 0)


def test_own_goods_and_own_deals_are_not_for_oneself(viewer: User, anchor: User, room: Room) -> None:
    mine = cast.make_product(cast.make_shop(viewer))
    assert refused(lambda: shop.place(viewer, mine)).code is Code.FORBIDDEN
    claim = shop.make_claim(shop.make_deal(room, cast.make_product()), anchor)
    assert refused(lambda: shop.place_claim(claim)).code is Code.FORBIDDEN


def test_operators_do_not_buy(operator: User) -> None:
    product = cast.make_product()
    assert refused(lambda: shop.place(operator, product)).code is Code.FORBIDDEN


def test_what_is_off_the_shelf_has_ended(viewer: User, room: Room) -> None:
    product = cast.make_product()
    item = shop.make_shelf(room, product)
    ShelfItem.objects.update(is_listed=False)
    item.refresh_from_db()
    assert refused(lambda: shop.place(viewer, product, item=item)).code is Code.ENDED
    product.state = ProductState.OFF_SHELF
    product.save()
    assert refused(lambda: shop.place(viewer, product)).code is Code.ENDED


def test_an_item_of_another_product_is_refused(viewer: User, room: Room) -> None:
    item = shop.make_shelf(room, cast.make_product())
    assert refused(lambda: shop.place(viewer, cast.make_product(), item=item)).code is Code.INVALID


@pytest.mark.parametrize("quantity", [0, -1, 100])
def test_a_senseless_quantity_is_refused(viewer: User, quantity: int) -> None:
    product = cast.make_product(stock=500)
    assert refused(lambda: shop.place(viewer, product, quantity=quantity)).code is Code.INVALID


def test_more_money_than_one_order_holds_is_refused(viewer: User) -> None:
    product = cast.make_product(price_fen=100_000_000, stock=99)
    with pytest.raises(Refused) as refused:
        shop.place(viewer, product, quantity=99)
    assert refused.value.code is Code.INVALID
    assert shop.stock_of(product) == (99, 0, 0)


def test_somebody_elses_address_is_not_found(viewer: User, other_anchor: User) -> None:
    product, address = cast.make_product(), shop.make_address(other_anchor)
    assert refused(lambda: shop.place(viewer, product, address=address)).code is Code.NOT_FOUND


def test_unpaid_orders_of_one_person_are_limited(viewer: User) -> None:
    product = cast.make_product(stock=50)
    for _turn in range(checkout.MAX_UNPAID):
        shop.place(viewer, product)
    assert refused(lambda: shop.place(viewer, product)).code is Code.LIMIT_PER_USER
    closing.cancel(order=Order.objects.first(), by=viewer)
    assert shop.place(viewer, product).state == OrderState.UNPAID


def test_an_expired_hold_cannot_be_ordered(viewer: User, room: Room) -> None:
    claim = shop.make_claim(shop.make_deal(room, cast.make_product()), viewer)
    claim.expires_at = claim.claimed_at
    claim.save()
    assert refused(lambda: shop.place_claim(claim)).code is Code.HOLD_EXPIRED


def test_a_claim_ordered_in_another_tab_leads_to_that_order(viewer: User, room: Room) -> None:
    claim = shop.make_claim(shop.make_deal(room, cast.make_product()), viewer)
    order = shop.place_claim(claim)
    no = refused(lambda: shop.place_claim(claim))
    assert (no.code, no.facts["order"]) == (Code.ALREADY_CLAIMED, order.public_id)


def test_somebody_elses_claim_cannot_be_ordered(viewer: User, other_anchor: User, room: Room) -> None:
    claim = shop.make_claim(shop.make_deal(room, cast.make_product()), viewer)
    claim.user = other_anchor
    assert refused(lambda: shop.place_claim(claim)).code is Code.NOT_FOUND


def test_a_cancelled_claim_gives_unit_and_right_back_once(viewer: User, room: Room) -> None:
    deal = shop.make_deal(room, cast.make_product(), total=2)
    order = shop.place_claim(shop.make_claim(deal, viewer))
    for _turn in range(2):
        closing.cancel(order=order, by=viewer)
    deal.refresh_from_db()
    assert (deal.available, deal.held, deal.sold) == (2, 0, 0)
    assert deal.claim_keys.count() == 0
    assert shop.place_claim(shop.make_claim(deal, viewer)).state == OrderState.UNPAID


def test_a_long_referral_keeps_whole_clicks(viewer: User) -> None:
    clicks = ",".join(f"click{n:07d}" for n in range(30))
    order = shop.place(viewer, cast.make_product(), referral=clicks)
    assert order.referral == ",".join(f"click{n:07d}" for n in range(12))


def test_a_coupon_that_ran_out_in_an_open_order_is_told_at_its_end(viewer: User) -> None:
    product = cast.make_product(price_fen=5000)
    grants = [shop.make_grant(viewer, product.shop) for _ in range(2)]
    for grant, told in zip(grants, (True, False), strict=True):
        order = shop.place(viewer, product, grant_id=grant.public_id, due_fen=4500)
        if told:
            CouponGrant.objects.filter(pk=grant.pk).update(expires_at=now() - timedelta(seconds=1))
        closing.cancel(order=order, by=viewer)
        order.refresh_from_db()
        assert ("有效期" in readings.face_of(order).text) is told
