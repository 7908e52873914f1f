"""Locks of one order's world, taken in the site's order: deal → claim → grant → SKU → order → payment."""

from django.db import connection

from campaigns.models import Claim, CouponGrant, Deal
from catalog.models import Sku
from orders.models import Order, Payment


def lock_in_tx(order_id: int) -> Order:
    """Lock everything that paying or closing this order may touch, then the order itself, read afresh.

    Whoever holds these locks is alone with the order: two notifications, a payment and an expiry, or two sweepers
    queue here, and the one that comes second sees what the first one did. Raises RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("lock_in_tx needs the caller's transaction")
    known = Order.objects.only("claim_id", "claim__deal_id", "public_id").select_related("claim").get(pk=order_id)
    if known.claim is not None:
        Deal.objects.select_for_update(no_key=True).only("id").get(pk=known.claim.deal_id)
        Claim.objects.select_for_update(no_key=True).only("id").get(pk=known.claim.pk)
    list(CouponGrant.objects.select_for_update(no_key=True).filter(order_ref=known.public_id).order_by("pk").values_list("pk"))
    list(Sku.objects.select_for_update(no_key=True).filter(order_lines__order_id=order_id).order_by("pk").values_list("pk"))
    return (
        Order.objects.select_for_update(no_key=True, of=("self",)).select_related("claim__deal", "buyer", "shop", "room").get(pk=order_id)
    )


def lock_payment_in_tx(payment_id: int) -> Payment:
    """Lock one attempt; its order must be locked already."""
    return Payment.objects.select_for_update(no_key=True).get(pk=payment_id)


def demand_of(order: Order) -> list[tuple[int, int]]:
    """(SKU, quantity), summed per SKU, in lock order."""
    wanted: dict[int, int] = {}
    for sku_id, quantity in order.lines.values_list("sku_id", "quantity"):
        wanted[sku_id] = wanted.get(sku_id, 0) + quantity
    return sorted(wanted.items())
