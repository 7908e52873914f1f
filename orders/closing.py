"""Closing unpaid orders: their time ran out or the buyer cancelled. Stock, coupon and right go back exactly once."""

import logging
from datetime import timedelta
from enum import StrEnum

from django.db import connection, transaction

from accounts.models import User
from campaigns import coupons, holds
from catalog import stock
from liveshop import wiring
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from orders.locks import demand_of, lock_in_tx
from orders.models import Order, OrderState, Payment, PaymentState
from orders.payments.base import Status, Unreachable, provider_of

log = logging.getLogger(__name__)

# A provider that does not answer keeps an order open this long; after that a late payment is refunded instead.
PATIENCE = timedelta(minutes=2)


class Why(StrEnum):
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


def close_in_tx(order: Order, why: Why) -> bool:
    """Close an unpaid order and give back what it held; False when it was not unpaid any more.

    The order's world must be locked by `lock_in_tx`. The conditional update decides, so that no second caller returns anything.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("close_in_tx needs the caller's transaction")
    moment = now()
    if not Order.objects.filter(pk=order.pk, state=OrderState.UNPAID).update(
        state=OrderState.CLOSED, closed_at=moment, close_reason=why.value
    ):
        return False
    order.state, order.closed_at, order.close_reason = OrderState.CLOSED, moment, why.value
    _give_back_in_tx(order, why)
    Payment.objects.filter(order=order, state=PaymentState.PENDING).update(state=PaymentState.CLOSED, settled_at=moment)
    for hook in wiring.order_hooks("closed"):
        hook(order)
    return True


def _give_back_in_tx(order: Order, why: Why) -> None:
    if order.claim is not None:
        holds.return_in_tx(order.claim, why.value)
    else:
        for sku_id, quantity in demand_of(order):
            stock.give_back_in_tx(sku_id=sku_id, quantity=quantity)
    coupons.return_in_tx(order.public_id)


def expire_due(limit: int = 200) -> int:
    """Close orders past their time; returns how many. Several processes may run this at once."""
    due = Order.objects.filter(state=OrderState.UNPAID, expires_at__lte=now()).order_by("expires_at").values_list("pk", flat=True)
    closed = 0
    for order_id in list(due[:limit]):
        try:
            closed += _close(order_id, Why.EXPIRED)
        except Exception:  # one broken order must not keep the others' stock
            log.exception("could not expire order %s", order_id)
    return closed


def cancel(*, order: Order, by: User) -> Order:
    """The buyer gives the order up. If the money turns out to have come already, the order is paid instead.

    Raises Refused(NOT_FOUND) for somebody else's order and Refused(UNAVAILABLE) when the provider cannot tell.
    """
    if order.buyer_id != by.pk:
        raise Refused(Code.NOT_FOUND)
    _close(order.pk, Why.CANCELLED)
    return Order.objects.get(pk=order.pk)


def _close(order_id: int, why: Why) -> bool:
    """Ask the providers first, outside of any transaction, then close."""
    if not _ask_providers(order_id):
        if why is Why.CANCELLED:
            raise Refused(Code.UNAVAILABLE)
        return False
    with transaction.atomic(durable=True):
        order = lock_in_tx(order_id)
        is_due = why is not Why.EXPIRED or order.expires_at <= now()
        return is_due and close_in_tx(order, why)


def _ask_providers(order_id: int) -> bool:
    """Close every open attempt at its provider and settle what it says; False: an answer is missing and worth waiting for."""
    from orders import paying  # paying closes orders too

    for payment in Payment.objects.filter(order_id=order_id, state=PaymentState.PENDING).select_related("order"):
        try:
            report = provider_of(payment).close(payment)
        except Unreachable:
            if payment.order.expires_at + PATIENCE > now():
                return False
            continue
        if report.status is not Status.PENDING:
            paying.settle(provider_name=payment.provider, report=report)
    return True
