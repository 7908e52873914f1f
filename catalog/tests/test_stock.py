"""Stock moves: the sums hold, nothing goes below zero, and two threads never take the same unit."""

import threading

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import stock, tasks
from catalog.models import Sku
from liveshop.refusals import Code, Refused
from tests import cast

MOVES = st.lists(st.tuples(st.sampled_from(["take", "give_back", "sell", "set"]), st.integers(1, 9)), max_size=30)


def figures(sku: Sku) -> tuple[int, int, int, int]:
    return Sku.objects.values_list("stock_total", "stock_available", "stock_held", "stock_sold").get(pk=sku.pk)


@pytest.mark.django_db
class TestSums:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(moves=MOVES)
    def test_every_sequence_of_moves_follows_the_model(self, moves, db):
        with transaction.atomic():
            sku = cast.make_product(stock=12).skus.get()
            available, held, sold = 12, 0, 0
            for move, n in moves:
                possible = n <= (available if move == "take" else held) or move == "set"
                try:
                    if move == "set":
                        stock.set_available_in_tx(sku_id=sku.pk, available=n)
                    else:
                        getattr(stock, f"{move}_in_tx")(sku_id=sku.pk, quantity=n)
                    assert possible
                    available += {"take": -n, "give_back": n, "sell": 0, "set": n - available}[move]
                    held += {"take": n, "give_back": -n, "sell": -n, "set": 0}[move]
                    sold += n if move == "sell" else 0
                except Refused:
                    assert not possible
                assert figures(sku) == (available + held + sold, available, held, sold)
            transaction.set_rollback(True)

    def test_a_move_of_nothing_is_a_mistake(self):
        with pytest.raises(ValueError, match="positive"):
            stock.take_in_tx(sku_id=1, quantity=0)


@pytest.mark.django_db(transaction=True)
class TestDoors:
    def test_moves_refuse_to_run_outside_a_transaction(self):
        sku = cast.make_product(stock=5).skus.get()
        with pytest.raises(RuntimeError):
            stock.take_in_tx(sku_id=sku.pk, quantity=1)
        assert figures(sku) == (5, 5, 0, 0)

    def test_sixteen_threads_take_exactly_ten_units(self):
        sku = cast.make_product(stock=10).skus.get()
        answers: list[str] = []
        gate = threading.Barrier(16)

        def take():
            gate.wait()
            try:
                with transaction.atomic():
                    stock.take_in_tx(sku_id=sku.pk, quantity=1)
                answers.append("taken")
            except Refused as refused:
                answers.append(refused.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=take) for _ in range(16)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert (answers.count("taken"), answers.count(Code.SOLD_OUT)) == (10, 6)
        assert figures(sku) == (10, 0, 10, 0)

    def test_the_owner_adjusts_and_an_outsider_does_not(self, viewer):
        sku = cast.make_product(stock=5).skus.get()
        stock.adjust(sku=sku, change=3, by=sku.product.shop.owner)
        assert figures(sku) == (8, 8, 0, 0)
        for change, by, code in ((1, viewer, Code.FORBIDDEN), (-9, sku.product.shop.owner, Code.INVALID)):
            with pytest.raises(Refused) as refusal:
                stock.adjust(sku=sku, change=change, by=by)
            assert refusal.value.code == code
            assert figures(sku) == (8, 8, 0, 0)


@pytest.mark.django_db
def test_pages_say_what_was_sold_of_all_variants():
    sold, unsold = cast.make_product(stock=9), cast.make_product(stock=9)
    sku = sold.skus.get()
    other = Sku.objects.create(product=sold, name="大份", price_fen=900, stock_total=5, stock_available=5)
    with transaction.atomic():
        for variant, quantity in ((sku, 3), (other, 2)):
            stock.take_in_tx(sku_id=variant.pk, quantity=quantity)
            stock.sell_in_tx(sku_id=variant.pk, quantity=quantity)
    assert tasks.count_sold(0) == 1
    sold.refresh_from_db()
    unsold.refresh_from_db()
    assert (sold.sold_count, unsold.sold_count) == (5, 0)
    assert tasks.count_sold(0) == 0
