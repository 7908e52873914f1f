import pytest
from django.db import IntegrityError, connection, transaction

from accounts import audit
from accounts.models import AuditEntry, User

pytestmark = pytest.mark.django_db


def test_an_entry_keeps_who_what_and_why(operator: User) -> None:
    entry = audit.record_in_tx(actor=operator, action="room.ban", subject="room:abc", before={"a": 1}, after={"a": 2}, reason="违规")
    entry.refresh_from_db()
    assert (entry.actor, entry.subject, entry.before, entry.after, entry.reason) == (operator, "room:abc", {"a": 1}, {"a": 2}, "违规")


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_run_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError):
        audit.record_in_tx(actor=None, action="x", subject="x")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET reason = 'nothing happened'",
        "DELETE FROM accounts_auditentry",
        "TRUNCATE accounts_auditentry CASCADE",
    ],
)
def test_the_database_refuses_any_later_change(statement: str) -> None:
    audit.record_in_tx(actor=None, action="x", subject="x", reason="kept")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL liveshop.test_flush = 'off'")
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            cursor.execute(statement)
    assert AuditEntry.objects.get().reason == "kept"


def test_the_test_runs_exemption_ends_at_updates() -> None:
    audit.record_in_tx(actor=None, action="x", subject="x", reason="kept")
    with pytest.raises(IntegrityError, match="append-only"):
        AuditEntry.objects.update(reason="changed")
