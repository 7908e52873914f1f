"""Money that goes back by itself: it came too late, twice, or from an account that may not have this deal."""

from enum import StrEnum

from django.db import connection, transaction

from liveshop.clock import now
from orders.models import Order, Payment, Refund, RefundState
from orders.payments.base import Unreachable, provider_named


class Why(StrEnum):
    """Reasons as they are stored; the pages say them in words."""

    LATE = "late"
    TWICE = "twice"
    PAYER_TAKEN = "payer_taken"


def open_in_tx(*, order: Order, payment: Payment, why: Why) -> Refund:
    """Owe this payment back in full, once; a job hands it to the provider after the commit."""
    from orders.tasks import send_refund  # tasks import this module

    if not connection.in_atomic_block:
        raise RuntimeError("open_in_tx needs the caller's transaction")
    refund, is_new = Refund.objects.get_or_create(
        payment=payment, defaults={"order": order, "amount_fen": payment.amount_fen, "reason": why.value}
    )
    if is_new:
        send_refund.defer(refund_id=refund.pk)
    return refund


def send(refund_id: int) -> Refund:
    """Hand a refund to its provider. Safe to repeat: the provider knows it by our number. Raises Unreachable."""
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    if refund.state == RefundState.DONE:
        return refund
    if not provider_named(refund.payment.provider).refund(refund):
        raise Unreachable("refund not done yet")
    with transaction.atomic(durable=True):
        Refund.objects.filter(pk=refund.pk, state=RefundState.ASKED).update(state=RefundState.DONE, done_at=now())
    refund.refresh_from_db()
    return refund
