import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from alliance import attribution, commissions, earnings
from alliance.models import CommissionLine, CommissionState
from alliance.tests import world
from ledger import book
from ledger.models import Entry
from liveshop.money import permille_of
from orders.models import Order
from tests import cast

pytestmark = pytest.mark.django_db


def sold(viewer: User, anchor: User, *, rate: int = 200, discount_fen: int = 0, freight_fen: int = 0) -> Order:
    plan = world.make_plan(rate_permille=rate)
    order = world.make_order(
        viewer, [plan.product], clicks=[world.make_click(plan, anchor)], discount_fen=discount_fen, freight_fen=freight_fen
    )
    attribution.order_placed_in_tx(order)
    return world.pay(order)


class TestPaid:
    def test_the_promoter_has_pending_money_to_the_fen(self, viewer: User, anchor: User) -> None:
        commissions.order_paid_in_tx(sold(viewer, anchor))
        assert earnings.totals(anchor).pending_fen == 798 - 80 == book.balance(f"user:{anchor.public_id}", "commission_pending")

    def test_twice_is_once(self, viewer: User, anchor: User) -> None:
        order = sold(viewer, anchor)
        commissions.order_paid_in_tx(order)
        before = list(Entry.objects.values_list("amount_fen", flat=True))
        commissions.order_paid_in_tx(order)
        assert list(Entry.objects.values_list("amount_fen", flat=True)) == before
        assert CommissionLine.objects.count() == 1

    @pytest.mark.parametrize(("rate", "discount", "freight"), list(itertools.product([1, 125, 900], [0, 990, 3989], [0, 600])))
    def test_every_order_sums_to_zero(self, viewer: User, anchor: User, rate: int, discount: int, freight: int) -> None:
        order = sold(viewer, anchor, rate=rate, discount_fen=discount, freight_fen=freight)
        commissions.order_paid_in_tx(order)
        entries = Entry.objects.filter(transfer__subject=f"order:{order.public_id}")
        assert sum(entry.amount_fen for entry in entries) == 0
        assert -book.balance(f"user:{viewer.public_id}", "purchase") == order.due_fen - freight
        assert sum(line.amount_fen for line in CommissionLine.objects.all()) == permille_of(3990 - discount, rate)


class TestClosed:
    def test_an_unpaid_order_moves_nothing(self, viewer: User, anchor: User) -> None:
        plan = world.make_plan()
        order = world.make_order(viewer, [plan.product], clicks=[world.make_click(plan, anchor)])
        attribution.order_placed_in_tx(order)
        commissions.order_closed_in_tx(order)
        assert not CommissionLine.objects.exists()
        assert not Entry.objects.exists()

    def test_an_undone_sale_leaves_every_balance_at_zero(self, viewer: User, anchor: User) -> None:
        order = sold(viewer, anchor, freight_fen=600)
        commissions.order_paid_in_tx(order)
        commissions.order_closed_in_tx(order)
        commissions.order_closed_in_tx(order)
        owners = Entry.objects.values_list("account__owner", "account__kind").distinct()
        assert {book.balance(owner, kind) for owner, kind in owners} == {0}
        assert earnings.totals(anchor).pending_fen == 0
        assert set(CommissionLine.objects.values_list("state", flat=True)) == {CommissionState.INVALID}
        assert sum(line.amount_fen for line in CommissionLine.objects.all()) == 0


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(events=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["paid", "closed"])), max_size=12))
def test_any_order_of_events_keeps_every_sum_at_zero(viewer: User, anchor: User, events: list[tuple[int, str]]) -> None:
    orders = [sold(viewer, anchor, rate=rate) for rate in (50, 333, 900)]
    settled: set[int] = set()
    for which, event in events:
        # Checkout closes a paid order only after paying it; anything may repeat.
        if event == "paid":
            commissions.order_paid_in_tx(orders[which])
            settled.add(which)
        elif which in settled:
            commissions.order_closed_in_tx(orders[which])
        assert book.unbalanced_subjects() == []


def test_a_product_without_promoter_still_balances(viewer: User) -> None:
    order = world.make_order(viewer, [cast.make_product()])
    attribution.order_placed_in_tx(order)
    commissions.order_paid_in_tx(world.pay(order))
    assert book.unbalanced_subjects() == []
    assert not CommissionLine.objects.exists()
