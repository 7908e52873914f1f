import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import book
from ledger.book import Posting
from ledger.models import Entry, Transfer

pytestmark = pytest.mark.django_db


def post(reference: str = "order:a:paid", amount_fen: int = 100) -> Transfer:
    postings = [Posting("user:a", "purchase", -amount_fen), Posting("shop:b", "pending", amount_fen)]
    return book.post_in_tx(reference=reference, subject="order:a", kind="paid", postings=postings)


class TestPost:
    def test_balances_move_by_the_amount(self) -> None:
        post()
        assert (book.balance("user:a", "purchase"), book.balance("shop:b", "pending")) == (-100, 100)

    def test_a_repeated_reference_writes_nothing(self) -> None:
        assert post().pk == post(amount_fen=999).pk
        assert Entry.objects.count() == 2

    def test_an_unbalanced_transfer_is_refused_and_leaves_nothing(self) -> None:
        with pytest.raises(book.Unbalanced):
            book.post_in_tx(reference="x", subject="x", kind="x", postings=[Posting("user:a", "purchase", 1)])
        assert not Transfer.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_it_refuses_to_run_outside_a_transaction(self) -> None:
        with pytest.raises(RuntimeError):
            post()

    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(amounts=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=6))
    def test_every_subject_always_sums_to_zero(self, amounts: list[int]) -> None:
        postings = [Posting(f"user:{n}", "any", amount) for n, amount in enumerate(amounts)]
        postings.append(Posting("platform", "rest", -sum(amounts)))
        with transaction.atomic():
            book.post_in_tx(reference=f"h:{Transfer.objects.count()}", subject="h", kind="any", postings=postings)
        assert book.unbalanced_subjects() == []


class TestTheDatabaseItself:
    @pytest.mark.parametrize(
        "statement", ["UPDATE ledger_entry SET amount_fen = 1", "DELETE FROM ledger_entry", "UPDATE ledger_transfer SET kind = 'x'"]
    )
    def test_history_cannot_be_edited(self, statement: str) -> None:
        post()
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert book.balance("shop:b", "pending") == 100

    @pytest.mark.django_db(transaction=True)
    def test_a_lone_entry_cannot_be_committed(self) -> None:
        with transaction.atomic():
            entry = post().entries.first()
        with pytest.raises(IntegrityError), transaction.atomic():
            Entry.objects.create(transfer=entry.transfer, account=entry.account, amount_fen=5)
        assert Entry.objects.count() == 2
