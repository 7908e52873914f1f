"""Leases: blocks of a large deal's units lent to the flushers of all processes, which then judge side by side.

They are granted and spent by `campaigns_claim_batch` alone (docs/scarcity.md). Here is how they come back.
"""

from django.db import connection, transaction
from django.db.models.functions import Now

from campaigns.models import Deal, Lease


def recall_in_tx(deal_id: int) -> int:
    """Take all leases of a deal back, when the batches that judge from them are done; returns the free units. The deal must be locked."""
    if not connection.in_atomic_block:
        raise RuntimeError("recall_in_tx needs the caller's transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT campaigns_recall_leases(%s, NULL, NULL)", [deal_id])
        return int(cursor.fetchone()[0])


def recall_expired(limit: int = 100) -> int:
    """Take back what nobody uses any more, its holder gone or idle; returns the units."""
    unused = Lease.objects.filter(expires_at__lte=Now()).order_by("deal_id").values_list("deal_id", flat=True).distinct()
    units = 0
    for deal_id in list(unused[:limit]):
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            Deal.objects.select_for_update(no_key=True, of=("self",)).only("pk").get(pk=deal_id)
            cursor.execute("SELECT campaigns_recall_leases(%s, NULL, clock_timestamp())", [deal_id])
            units += int(cursor.fetchone()[0])
    return units
