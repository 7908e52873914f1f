"""Writing and reading the book. The database refuses a transfer that does not sum to zero, and any later change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Sum

from ledger.models import Account, Entry, Transfer

PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Posting:
    """One entry to be: positive receives, negative gives; `owner` as in `Account.owner`."""

    owner: str
    kind: str
    amount_fen: int
    note: str = ""


class Unbalanced(ValueError):
    """The postings of one transfer do not sum to zero."""


def post_in_tx(*, reference: str, subject: str, kind: str, postings: Sequence[Posting]) -> Transfer:
    """Write one transfer, once: a repeated `reference` returns the first one and writes nothing.

    Zero amounts are left out. Raises Unbalanced, and RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("post_in_tx needs the caller's transaction")
    if sum(posting.amount_fen for posting in postings):
        raise Unbalanced(f"{reference}: {[posting.amount_fen for posting in postings]}")
    transfer, is_new = Transfer.objects.get_or_create(reference=reference, defaults={"subject": subject, "kind": kind})
    if is_new:
        written = [posting for posting in postings if posting.amount_fen]
        accounts = _accounts((posting.owner, posting.kind) for posting in written)
        Entry.objects.bulk_create(
            Entry(transfer=transfer, account=accounts[posting.owner, posting.kind], amount_fen=posting.amount_fen, note=posting.note)
            for posting in written
        )
    return transfer


def balance(owner: str, kind: str) -> int:
    """What an account holds, in fen; 0 for one that never moved. It may be negative."""
    return Entry.objects.filter(account__owner=owner, account__kind=kind).aggregate(total=Sum("amount_fen"))["total"] or 0


def unbalanced_subjects() -> list[str]:
    """Subjects whose entries do not sum to zero: always empty, the proof shown to finance."""
    sums = Entry.objects.values("transfer__subject").annotate(total=Sum("amount_fen")).exclude(total=0)
    return [row["transfer__subject"] for row in sums]


def _accounts(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Account]:
    # Sorted, so that two transfers creating the same accounts cannot deadlock.
    return {(owner, kind): Account.objects.get_or_create(owner=owner, kind=kind)[0] for owner, kind in sorted(set(wanted))}
