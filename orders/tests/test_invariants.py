"""Whatever happens in whatever order, money and stock add up after every step."""

import contextlib
from collections.abc import Iterator

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Deal, GrantState
from catalog.models import Sku
from liveshop.refusals import Code, Refused
from orders import closing, paying
from orders.models import Order, OrderState, Payment, PaymentState, Refund
from orders.payments.simulator import Button
from orders.tests import shop
from tests import cast

STEPS = st.one_of(
    st.tuples(st.just("place"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("claim"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("start"), st.integers(0, 4), st.booleans()),
    st.tuples(st.just("press"), st.integers(0, 4), st.sampled_from([Button.PAY, Button.FAIL, Button.PAY_TWICE, Button.CANCEL])),
    st.tuples(st.just("tell"), st.integers(0, 6), st.booleans()),
    st.tuples(st.just("lapse"), st.integers(0, 4), st.booleans()),
    st.tuples(st.just("sweep"), st.just(0), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 4), st.booleans()),
    st.tuples(st.just("ask"), st.integers(0, 4), st.booleans()),
)


class World:
    """Three buyers, one product with few units, one deal; notices pile up and are told in any order, again and again."""

    def __init__(self) -> None:
        self.room = cast.make_room()
        self.product = cast.make_product(price_fen=1000, stock=6)
        self.deal = shop.make_deal(self.room, self.product, total=3)
        self.buyers = [cast.make_user() for _turn in range(3)]
        self.grants = [shop.make_grant(buyer, self.product.shop, off_fen=100) for buyer in self.buyers]
        self.bodies: list[bytes] = []

    def step(self, name: str, nth: int, how: object) -> None:
        with contextlib.suppress(Refused):
            getattr(self, name)(nth, how)

    def order(self, nth: int) -> Order:
        orders = list(Order.objects.select_related("buyer").order_by("pk"))
        if not orders:
            raise Refused(Code.NOT_FOUND)
        return orders[nth % len(orders)]

    def place(self, nth: int, with_coupon: object) -> None:
        grant = self.grants[nth].public_id if with_coupon else ""
        shop.place(self.buyers[nth], self.product, grant_id=grant, due_fen=900 if with_coupon else 1000)

    def claim(self, nth: int, _how: object) -> None:
        deal = Deal.objects.get(pk=self.deal.pk)
        if deal.available and not deal.claims.filter(user=self.buyers[nth], state__in=[1, 2, 3]).exists():
            shop.place_claim(shop.make_claim(deal, self.buyers[nth]))

    def start(self, nth: int, _how: object) -> None:
        shop.begin(self.order(nth))

    def press(self, nth: int, button: Button) -> None:
        payment = self.order(nth).payments.order_by("-pk").first()
        if payment is not None:
            self.bodies += shop.press(payment, button, is_late=True)

    def tell(self, nth: int, keep: object) -> None:
        if self.bodies:
            body = self.bodies[nth % len(self.bodies)]
            shop.tell(body)
            if not keep:
                self.bodies.remove(body)

    def lapse(self, nth: int, _how: object) -> None:
        shop.lapse(self.order(nth))

    def sweep(self, _nth: int, _how: object) -> None:
        closing.expire_due()

    def cancel(self, nth: int, _how: object) -> None:
        order = self.order(nth)
        closing.cancel(order=order, by=order.buyer)

    def ask(self, nth: int, _how: object) -> None:
        paying.ask(self.order(nth))

    def check(self) -> None:
        for order in Order.objects.all():
            came = sum(order.payments.filter(state=PaymentState.SUCCEEDED).values_list("amount_fen", flat=True))
            went = sum(order.refunds.values_list("amount_fen", flat=True))
            assert came - went == order.paid_fen == (order.due_fen if order.state == OrderState.PAID else 0)
        self.check_stock()
        for grant in self.grants:
            grant.refresh_from_db()
            keeper = Order.objects.filter(public_id=grant.order_ref).first()
            expected = {None: GrantState.UNUSED, OrderState.UNPAID: GrantState.LOCKED, OrderState.PAID: GrantState.USED}
            assert grant.state == expected[keeper.state if keeper else None]

    def check_stock(self) -> None:
        def units(state: OrderState, *, claimed: bool) -> int:
            return Order.objects.filter(state=state, claim__isnull=not claimed).count()

        sku, deal = Sku.objects.get(product=self.product), Deal.objects.get(pk=self.deal.pk)
        assert (deal.held, deal.sold) == (units(OrderState.UNPAID, claimed=True), units(OrderState.PAID, claimed=True))
        assert sku.stock_sold == deal.sold + units(OrderState.PAID, claimed=False)
        assert sku.stock_held == deal.available + deal.held + units(OrderState.UNPAID, claimed=False)


@contextlib.contextmanager
def a_world_of_its_own() -> Iterator[None]:
    """A transaction that durable actions may run in, as in Django's own test cases, rolled back at the end."""
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]
    with around:
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=4, max_size=24))
def test_money_and_stock_add_up_after_every_step(steps: list[tuple[str, int, object]]) -> None:
    with a_world_of_its_own():
        world = World()
        for name, nth, how in steps:
            world.step(name, nth, how)
            world.check()
        assert Refund.objects.count() <= Payment.objects.count()
