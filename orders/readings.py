"""What pages show of an order: its state in words, what to do next, its times, its price line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns import coupons
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from orders import refunds
from orders.models import Order, OrderLine, OrderState, Payment, PaymentState, Refund, RefundState

TABS = {"": None, "unpaid": OrderState.UNPAID, "paid": OrderState.PAID, "closed": OrderState.CLOSED}


def of_buyer(user: User) -> QuerySet[Order]:
    """A person's own orders, newest first, with what a list shows."""
    return _with_parts(Order.objects.filter(buyer=user)).order_by("-placed_at", "-pk")


def of_shop(shop_ids: Sequence[int]) -> QuerySet[Order]:
    """The orders of these shops, newest first."""
    return _with_parts(Order.objects.filter(shop_id__in=shop_ids)).select_related("buyer").order_by("-placed_at", "-pk")


def in_state(orders: QuerySet[Order], tab: str) -> QuerySet[Order]:
    """Only those of a tab; an unpaid order whose time is over counts as closed already."""
    if tab == "unpaid":
        return orders.filter(state=OrderState.UNPAID, expires_at__gt=now())
    if tab == "closed":
        return orders.filter(state=OrderState.CLOSED) | orders.filter(state=OrderState.UNPAID, expires_at__lte=now())
    state = TABS.get(tab)
    return orders if state is None else orders.filter(state=state)


def find(user: User, public_id: str) -> Order:
    """One of the person's own orders. Raises Refused(NOT_FOUND), also for somebody else's."""
    found = of_buyer(user).filter(public_id=public_id).first()
    if found is None:
        raise Refused(Code.NOT_FOUND)
    return found


def _with_parts(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.select_related("shop", "room__anchor", "claim__deal").prefetch_related(
        Prefetch("lines", OrderLine.objects.order_by("pk")),
        Prefetch("refunds", Refund.objects.order_by("created_at")),
        Prefetch("payments", Payment.objects.order_by("pk")),
    )


@dataclass(frozen=True, slots=True)
class Face:
    """How an order looks right now. `tone` picks the colour, `mood` the picture; `can_pay` and `ends_at` make the button and its clock."""

    title: str
    text: str
    tone: str
    can_pay: bool = False
    ends_at: datetime | None = None
    is_waiting: bool = False


def face_of(order: Order) -> Face:
    """The one place that turns states and times into words."""
    if order.state == OrderState.PAID:
        return Face(_("Paid"), _("%(shop)s is packing for you") % {"shop": order.shop.name}, "ok")
    if order.state == OrderState.CLOSED:
        return _closed(order)
    if order.expires_at <= now():
        return Face(_("Time to pay is over"), _("The goods went back on sale. If you paid late, the money comes back by itself."), "quiet")
    latest = max(order.payments.all(), key=lambda payment: payment.pk, default=None)
    if latest is not None and latest.state == PaymentState.PENDING:
        title, text = _("Waiting for the payment"), _("As soon as the payment service tells us, this page changes by itself.")
        return Face(title, text, "wait", can_pay=True, ends_at=order.expires_at, is_waiting=True)
    if latest is not None and latest.state == PaymentState.FAILED:
        return Face(_("The payment did not go through"), failure_of(latest), "bad", can_pay=True, ends_at=order.expires_at)
    return Face(_("Waiting for you to pay"), _("Yours until the time runs out."), "wait", can_pay=True, ends_at=order.expires_at)


def _closed(order: Order) -> Face:
    texts = {
        "expired": _("It was not paid in time. Goods, coupon and your right to the deal went back."),
        "cancelled": _("You cancelled it. Goods and coupon went back."),
        "refunded": _("This paying account may not have this deal, so the money goes back in full."),
    }
    text = texts.get(order.close_reason, "")
    if order.close_reason != "refunded" and (expired := coupons.expired(order.price_sheet.get("grant", ""))):
        text += " " + _("Only the coupon's own time ran out on %(day)s.") % {"day": date_format(localtime(expired), "Y-m-d H:i")}
    return Face(_("Closed"), text, "quiet")


def failure_of(payment: Payment) -> str:
    """Why an attempt failed, in words."""
    known = {"not_enough_money": _("The account does not have enough money. Try another one; your order is still yours.")}
    return known.get(payment.failure, _("No money was taken. You can try again; your order is still yours."))


def refund_notice(refund: Refund) -> str:
    """Why money goes back, told once on the order's page."""
    known = {
        refunds.Why.LATE: _("This payment came after the order was closed."),
        refunds.Why.TWICE: _("The order was paid twice; the second payment goes back."),
        refunds.Why.WRONG_AMOUNT: _("This payment was not of the amount due; it goes back and does not count."),
        refunds.Why.PAYER_TAKEN: _("One newcomer unit a person: this paying account has bought here before, under another name."),
    }
    return str(known.get(refunds.Why(refund.reason), ""))


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of an order's history."""

    text: str
    at: datetime


def history_of(order: Order) -> list[Moment]:
    """What happened to the order, newest first."""
    moments = [Moment(_("Order placed"), order.placed_at)]
    for payment in order.payments.filter(state=PaymentState.FAILED):
        moments.append(Moment(_("A payment failed"), payment.settled_at or payment.created_at))
    if order.paid_at:
        moments.append(Moment(_("Paid"), order.paid_at))
    if order.closed_at:
        moments.append(Moment(_("Closed"), order.closed_at))
    for refund in order.refunds.all():
        moments.append(Moment(_("Refund under way"), refund.created_at))
        if refund.state == RefundState.DONE and refund.done_at:
            moments.append(Moment(_("Refund done"), refund.done_at))
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


def notices_of(order: Order) -> list[dict[str, Any]]:
    """The refunds of an order, ready to show."""
    return [
        {"refund": refund, "text": refund_notice(refund), "is_done": refund.state == RefundState.DONE} for refund in order.refunds.all()
    ]


def mark_of(order: Order, face: Face) -> str:
    """A short mark that changes when something on the order's page does; a waiting page sends back the one it has seen."""
    done = sum(refund.state == RefundState.DONE for refund in order.refunds.all())
    return f"{order.state}.{face.tone}.{int(face.is_waiting)}.{len(order.refunds.all())}.{done}.{int(face.can_pay)}"


def is_settling(order: Order, face: Face) -> bool:
    """Whether a page should keep asking: money may still come, or is still on its way back."""
    return face.can_pay or any(refund.state != RefundState.DONE for refund in order.refunds.all())


def tabs() -> list[tuple[str, str]]:
    """(tab, its name) of the order lists."""
    return [("", _("All")), ("unpaid", _("Unpaid")), ("paid", _("Paid")), ("closed", _("Closed"))]
