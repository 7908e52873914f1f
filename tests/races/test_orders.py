"""Orders under rivals: real threads, real PostgreSQL, each pair meeting as closely as a barrier can bring them."""

import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from campaigns.models import GrantState
from liveshop.refusals import Refused
from orders import checkout, closing, paying
from orders.models import Order, OrderState, Payment, Refund
from orders.tests import shop
from rooms.models import Room
from tests import cast

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run the acts in threads that start together; returns what each returned or raised, in their order."""
    start, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(nth: int, act: Callable[[], Any]) -> None:
        start.wait()
        try:
            results[nth] = act()
        except Exception as trouble:
            results[nth] = trouble
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def surprises(results: Sequence[Any]) -> list[Any]:
    """What went wrong otherwise than by a refusal."""
    return [result for result in results if isinstance(result, Exception) and not isinstance(result, Refused)]


def test_fifty_taps_with_one_key_are_one_order(viewer: User) -> None:
    product, key, address = cast.make_product(stock=1), uuid.uuid4(), shop.make_address(viewer)
    results = at_once(*[lambda: shop.place(viewer, product, key=key, address=address)] * 50)
    assert surprises(results) == []
    assert len({order.pk for order in results}) == 1
    assert shop.stock_of(product) == (0, 1, 0)


def test_the_last_units_have_exactly_as_many_orders(viewer: User) -> None:
    product = cast.make_product(stock=3)
    buyers = [cast.make_user() for _turn in range(12)]
    for buyer in buyers:
        shop.make_address(buyer)
    results = at_once(*[lambda buyer=buyer: shop.place(buyer, product) for buyer in buyers])
    assert surprises(results) == []
    assert sum(isinstance(result, Order) for result in results) == Order.objects.count() == 3
    assert shop.stock_of(product) == (0, 3, 0)


def test_one_coupon_is_locked_by_one_order(viewer: User) -> None:
    product = cast.make_product(price_fen=3990, stock=9)
    grant, address = shop.make_grant(viewer, product.shop), shop.make_address(viewer)
    results = at_once(*[lambda: shop.place(viewer, product, grant_id=grant.public_id, due_fen=3490, address=address)] * 6)
    assert surprises(results) == []
    order = Order.objects.get()
    grant.refresh_from_db()
    assert (grant.state, grant.order_ref) == (GrantState.LOCKED, order.public_id)


def test_one_claim_is_one_order(viewer: User, room: Room) -> None:
    deal = shop.make_deal(room, cast.make_product(), total=2)
    claim, address = shop.make_claim(deal, viewer), shop.make_address(viewer)
    results = at_once(*[lambda: shop.place_claim(claim, address=address)] * 8)
    assert surprises(results) == []
    assert Order.objects.count() == 1


@pytest.mark.parametrize("turn", range(4))
def test_pay_against_cancel(viewer: User, turn: int) -> None:
    """Whoever comes first: the order is paid and sold, or closed and refunded; never both, never neither."""
    product = cast.make_product(stock=1)
    grant = shop.make_grant(viewer, product.shop, off_fen=100)
    order = shop.place(viewer, product, grant_id=grant.public_id, due_fen=3890)
    (body,) = shop.press(shop.begin(order))
    results = at_once(lambda: shop.tell(body), lambda: closing.cancel(order=order, by=viewer))
    assert surprises(results) == []
    check_settled(product, order)


@pytest.mark.parametrize("turn", range(4))
def test_a_late_pay_against_two_sweepers(viewer: User, turn: int) -> None:
    product = cast.make_product(stock=1)
    grant = shop.make_grant(viewer, product.shop, off_fen=100)
    order = shop.place(viewer, product, grant_id=grant.public_id, due_fen=3890)
    payment = shop.begin(order)
    shop.lapse(order)
    (body,) = shop.press(payment, is_late=True)
    results = at_once(lambda: shop.tell(body), closing.expire_due, closing.expire_due)
    assert surprises(results) == []
    order.refresh_from_db()
    assert order.state == OrderState.CLOSED
    assert Refund.objects.count() == 1
    check_settled(product, order)


def test_sweepers_return_each_unit_once(viewer: User, room: Room) -> None:
    product, plain = cast.make_product(stock=20), cast.make_product(stock=5)
    deal = shop.make_deal(room, product, total=6)
    orders = [shop.place_claim(shop.make_claim(deal, cast.make_user())) for _turn in range(4)]
    orders += [shop.place(cast.make_user(), plain) for _turn in range(5)]
    for order in orders:
        shop.lapse(order)
    results = at_once(*[closing.expire_due] * 4)
    assert surprises(results) == []
    assert sum(results) == 9
    deal.refresh_from_db()
    assert (deal.available, deal.held, deal.sold) == (6, 0, 0)
    assert shop.stock_of(plain) == (5, 0, 0)


def test_one_notice_told_by_ten_at_once_pays_once(viewer: User) -> None:
    product = cast.make_product(stock=1)
    order = shop.place(viewer, product)
    (body,) = shop.press(shop.begin(order))
    results = at_once(*[lambda: shop.tell(body)] * 10)
    assert sorted(results) == [paying.Outcome.PAID] + [paying.Outcome.REPEAT] * 9
    check_settled(product, order)


def test_two_starts_are_one_attempt(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    results = at_once(*[lambda: shop.begin(order)] * 6)
    assert surprises(results) == []
    assert Payment.objects.count() == 1


def test_payers_of_one_account_get_one_newcomer_unit(room: Room) -> None:
    product = cast.make_product(stock=20)
    deal = shop.make_deal(room, product, total=6)
    orders = [shop.place_claim(shop.make_claim(deal, cast.make_user())) for _turn in range(5)]
    bodies = [shop.press(shop.begin(order), payer="account:mother")[0] for order in orders]
    results = at_once(*[lambda body=body: shop.tell(body) for body in bodies])
    assert sorted(results) == [paying.Outcome.PAID] + [paying.Outcome.PAYER_TAKEN] * 4
    deal.refresh_from_db()
    assert (deal.available, deal.held, deal.sold) == (5, 0, 1)


def check_settled(product: Any, order: Order) -> None:
    """Stock, coupon and money all tell the same story as the order's state."""
    order.refresh_from_db()
    is_paid = order.state == OrderState.PAID
    assert is_paid or order.state == OrderState.CLOSED
    assert shop.stock_of(product) == ((0, 0, 1) if is_paid else (1, 0, 0))
    for grant in order.buyer.coupon_grants.all():
        assert grant.state == (GrantState.USED if is_paid else GrantState.UNUSED)
    came = sum(payment.amount_fen for payment in order.payments.filter(state=2))
    went = sum(refund.amount_fen for refund in order.refunds.all())
    assert came - went == order.paid_fen == (order.due_fen if is_paid else 0)


def test_thirty_orders_at_once_are_ten(viewer: User) -> None:
    product, address = cast.make_product(stock=50), shop.make_address(viewer)
    results = at_once(*[lambda: shop.place(viewer, product, address=address) for _ in range(30)])
    assert not surprises(results)
    assert Order.objects.filter(state=OrderState.UNPAID).count() == checkout.MAX_UNPAID
