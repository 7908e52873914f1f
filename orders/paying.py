"""Paying: attempts, what providers report of them, and what follows for the order.

One rule decides: money that the provider took before the order's time ran out pays the order, if the order is still
unpaid. All other money (after the time, after closing, a second time, from an account that may not have the deal) goes
back by itself. A closed order is never revived: its unit may be somebody else's by now, and one rule is easier to trust.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit, identity, people
from accounts.models import IdentityKind, User
from campaigns import coupons, holds
from catalog import stock
from liveshop import wiring
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from orders import announcing, closing, persons, refunds
from orders.locks import demand_of, lock_in_tx, lock_payment_in_tx
from orders.models import Order, OrderState, Payment, PaymentEvent, PaymentState
from orders.payments.base import Report, Status, Unreachable, Untrusted, provider_named, provider_of
from rooms import stats
from rooms.models import ShelfItem

log = logging.getLogger(__name__)
ASK_EVERY_S = 3


class Outcome(StrEnum):
    """What a report led to; stored with the event."""

    PAID = "paid"
    REPEAT = "repeat"
    LATE = "late"
    TWICE = "twice"
    PAYER_TAKEN = "payer_taken"
    FAILED = "failed"
    CLOSED = "closed"
    IGNORED = "ignored"
    WRONG_AMOUNT = "wrong_amount"


@dataclass(frozen=True, slots=True)
class Started:
    payment: Payment
    url: str


def start(*, order: Order, provider_name: str, by: User) -> Started:
    """Open an attempt, or find the open one again: a double tap is one attempt. Returns where the buyer pays.

    Raises Refused(NOT_FOUND | CLOSED_UNPAID | HOLD_EXPIRED | INVALID | UNAVAILABLE).
    """
    provider = provider_named(provider_name)
    if order.buyer_id != by.pk:
        raise Refused(Code.NOT_FOUND)
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        _require_payable(order)
        payment = order.payments.filter(provider=provider_name, state=PaymentState.PENDING).first()
        payment = payment or Payment.objects.create(order=order, provider=provider_name, amount_fen=order.due_fen)
    try:
        url = provider.start(
            payment,
            subject=_("Order %(id)s") % {"id": order.public_id},
            return_url=settings.SITE_URL.rstrip("/") + reverse("order", args=[order.public_id]),
            notify_url=site_address() + reverse("pay_notify", args=[provider_name]),
            expires_at=order.expires_at,
        )
    except Unreachable as trouble:
        raise Refused(Code.UNAVAILABLE) from trouble
    return Started(payment, url)


def site_address() -> str:
    """Where payment services reach this site."""
    return settings.SITE_URL.rstrip("/") or f"http://127.0.0.1:{settings.PORT}"


def _require_payable(order: Order) -> None:
    if order.state == OrderState.PAID:
        raise Refused(Code.INVALID, why=_("This order is paid already"), order=order.public_id)
    if order.state == OrderState.CLOSED or order.expires_at <= now():
        raise Refused(Code.HOLD_EXPIRED if order.claim_id else Code.CLOSED_UNPAID, order=order.public_id)


def receive(provider_name: str, headers: Mapping[str, str], body: bytes) -> Outcome:
    """A provider's notification at the door. Raises Untrusted, and then nothing was written."""
    report = provider_named(provider_name).parse_notification(headers, body)
    return settle(provider_name=provider_name, report=report)


def ask(order: Order) -> Order:
    """Ask the providers what became of this order's open attempts, at most every few seconds; returns the order as it is now."""
    for payment in order.payments.filter(state=PaymentState.PENDING):
        if not cache.add(f"orders.asked:{payment.public_id}", 1, ASK_EVERY_S):
            continue
        try:
            report = provider_of(payment).query(payment)
        except Unreachable:
            continue
        if report.status is not Status.PENDING:
            settle(provider_name=payment.provider, report=report)
    return Order.objects.get(pk=order.pk)


def settle(*, provider_name: str, report: Report) -> Outcome:
    """Write down what a provider reported and act on it once, however often it is reported. Raises Untrusted."""
    payment = Payment.objects.filter(public_id=report.payment_ref, provider=provider_name).first()
    if payment is None or (report.status is Status.SUCCEEDED and not report.provider_ref):
        raise Untrusted("unknown payment")
    with transaction.atomic(durable=True):
        order = lock_in_tx(payment.order_id)
        outcome = settle_in_tx(order, lock_payment_in_tx(payment.pk), report)
    if outcome is Outcome.PAID:
        announcing.sold(order)
    return outcome


def settle_in_tx(order: Order, payment: Payment, report: Report) -> Outcome:
    """The event row once, the attempt's state, the order, the refund: all or nothing. Order and payment must be locked."""
    if not connection.in_atomic_block:
        raise RuntimeError("settle_in_tx needs the caller's transaction")
    if PaymentEvent.objects.filter(provider=payment.provider, event_id=report.event_id).exists():
        return Outcome.REPEAT
    outcome = _judge_in_tx(order, payment, report)
    PaymentEvent.objects.create(
        provider=payment.provider,
        event_id=report.event_id,
        payment=payment,
        kind=report.status.value,
        body=report.body,
        outcome=outcome.value,
    )
    return outcome


def _judge_in_tx(order: Order, payment: Payment, report: Report) -> Outcome:
    if report.amount_fen != payment.amount_fen:
        return _wrong_amount_in_tx(order, payment, report)
    if report.status is Status.SUCCEEDED:
        return _money_came_in_tx(order, payment, report)
    return _no_money_in_tx(payment, report)


def _wrong_amount_in_tx(order: Order, payment: Payment, report: Report) -> Outcome:
    """It pays nothing. What was taken is an attempt of its own, which goes back; the attempt asked for has failed."""
    audit.record_in_tx(
        actor=None,
        action="payment.wrong_amount",
        subject=f"payment:{payment.public_id}",
        before={"amount_fen": payment.amount_fen},
        after={"amount_fen": report.amount_fen, "event": report.event_id},
    )
    if report.status is not Status.SUCCEEDED or report.amount_fen <= 0 or _is_known(payment, report):
        return Outcome.WRONG_AMOUNT
    if payment.state == PaymentState.PENDING:
        payment.state, payment.failure, payment.settled_at = PaymentState.FAILED, "wrong_amount", now()
        payment.save(update_fields=["state", "failure", "settled_at"])
    taken = Payment.objects.create(
        order=order,
        provider=payment.provider,
        amount_fen=report.amount_fen,
        state=PaymentState.SUCCEEDED,
        provider_ref=report.provider_ref,
        settled_at=now(),
    )
    refunds.open_in_tx(order=order, payment=taken, why=refunds.Why.WRONG_AMOUNT)
    return Outcome.WRONG_AMOUNT


def _is_known(payment: Payment, report: Report) -> bool:
    """Whether this very money was written down before, under whatever event number."""
    return Payment.objects.filter(provider=payment.provider, provider_ref=report.provider_ref).exists()


def _no_money_in_tx(payment: Payment, report: Report) -> Outcome:
    """A failed or closed attempt. Late or out of order it never takes back a success."""
    state = {Status.FAILED: PaymentState.FAILED, Status.CLOSED: PaymentState.CLOSED}.get(report.status)
    if state is None or payment.state != PaymentState.PENDING:
        return Outcome.IGNORED
    payment.state, payment.failure, payment.settled_at = state, report.why[:80], now()
    payment.save(update_fields=["state", "failure", "settled_at"])
    return Outcome(report.status.value)


def _money_came_in_tx(order: Order, payment: Payment, report: Report) -> Outcome:
    if _is_known(payment, report):
        return Outcome.REPEAT
    if payment.state == PaymentState.SUCCEEDED:
        # The service took money twice for one attempt: the second capture is an attempt of its own, so that it can go back.
        payment = Payment(order=order, provider=payment.provider, amount_fen=payment.amount_fen)
    payment.state, payment.provider_ref, payment.settled_at, payment.failure = PaymentState.SUCCEEDED, report.provider_ref, now(), ""
    payment.payer_digest = identity.digest(IdentityKind.PAYER, report.payer) if report.payer else None
    payment.save()
    why = _reason_to_refund_in_tx(order, payment, report)
    if why is None:
        _pay_in_tx(order)
        if report.payer:
            identity.remember(order.buyer, IdentityKind.PAYER, report.payer)
        return Outcome.PAID
    refunds.open_in_tx(order=order, payment=payment, why=why)
    return Outcome(why.value)


def _reason_to_refund_in_tx(order: Order, payment: Payment, report: Report) -> refunds.Why | None:
    """Why this money cannot pay the order; the order is closed here when it must not stay open."""
    if order.state == OrderState.PAID:
        return refunds.Why.TWICE
    if order.state == OrderState.CLOSED:
        return refunds.Why.LATE
    if report.at > order.expires_at:
        closing.close_in_tx(order, closing.Why.EXPIRED)
        return refunds.Why.LATE
    if not persons.admit_payer_in_tx(order, payment):
        closing.close_in_tx(order, closing.Why.REFUNDED)
        return refunds.Why.PAYER_TAKEN
    return None


def _pay_in_tx(order: Order) -> None:
    """UNPAID → PAID once, and everything that is sold with it."""
    moment = now()
    changed = Order.objects.filter(pk=order.pk, state=OrderState.UNPAID).update(
        state=OrderState.PAID, paid_at=moment, paid_fen=F("due_fen")
    )
    if not changed:
        raise RuntimeError("the order was not locked")
    order.state, order.paid_at, order.paid_fen = OrderState.PAID, moment, order.due_fen
    if order.claim is not None:
        holds.paid_in_tx(order.claim)
    else:
        for sku_id, quantity in demand_of(order):
            stock.sell_in_tx(sku_id=sku_id, quantity=quantity)
    coupons.use_in_tx(order.public_id)
    people.mark_first_paid_in_tx(order.buyer_id, moment)
    ShelfItem.objects.filter(order_lines__order=order).update(paid_count=F("paid_count") + 1)
    for hook in wiring.order_hooks("paid"):
        hook(order)
    if order.show_id is not None:
        stats.note_sale_in_tx(show_id=order.show_id, sales_fen=order.due_fen)
