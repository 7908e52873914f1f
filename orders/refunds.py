"""Money that goes back by itself: it came too late, twice, in another amount, or from an account that may not have this deal."""

import logging
from datetime import timedelta
from enum import StrEnum

from django.db import connection, transaction

from accounts.models import User
from liveshop.clock import now
from orders.models import Order, Payment, Refund, RefundState
from orders.payments.base import Unreachable, provider_of

log = logging.getLogger(__name__)
# By then the job of a refund has given up: its waits add up to about a day.
CHASE_AFTER = timedelta(hours=30)


class Why(StrEnum):
    """Reasons as they are stored; the pages say them in words."""

    LATE = "late"
    TWICE = "twice"
    WRONG_AMOUNT = "wrong_amount"
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
    if not provider_of(refund.payment).refund(refund):
        raise Unreachable("refund not done yet")
    with transaction.atomic(durable=True):
        Refund.objects.filter(pk=refund.pk, state=RefundState.ASKED).update(state=RefundState.DONE, done_at=now())
    refund.refresh_from_db()
    return refund


def chase(limit: int = 100) -> int:
    """Try the refunds again that their jobs gave up on, oldest first; returns how many are done. No money is forgotten."""
    owed = Refund.objects.filter(state=RefundState.ASKED, created_at__lt=now() - CHASE_AFTER).order_by("created_at")
    done = 0
    for refund_id in list(owed.values_list("pk", flat=True)[:limit]):
        try:
            send(refund_id)
            done += 1
        except Exception:  # one that cannot be sent must not keep the others' money
            log.exception("refund %s is still owed", refund_id)
    return done


def untold(user: User) -> list[Refund]:
    """The person's refunds that no page has shown her yet, the oldest first; each with its order."""
    return list(Refund.objects.filter(order__buyer=user, told_at=None).select_related("order").order_by("created_at"))


def mark_told(order: Order) -> None:
    """Its buyer sees the order's page, which tells of its refunds."""
    Refund.objects.filter(order=order, told_at=None).update(told_at=now())
