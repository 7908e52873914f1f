"""The audit log: who did what to whom, and why. The database refuses any later change."""

from typing import Any

from django.db import connection

from accounts.models import AuditEntry, User


def record_in_tx(
    *,
    actor: User | None,
    action: str,
    subject: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Write one entry in the transaction of the change itself; `actor` None is the system.

    `subject` names a thing by its public id: "room:<public id>". Raises RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("record_in_tx needs the caller's transaction")
    return AuditEntry.objects.create(
        actor=actor, action=action, subject=subject[:64], before=before or {}, after=after or {}, reason=reason[:200]
    )
