"""A payment service that takes no real money but behaves like one.

It has an own page, own books and an own clock; it signs its notifications, sends them over HTTP until the shop
answers "success", and can be late, send twice, take money twice or after closing. The shop side (`Simulator`)
reaches the service side (`press`, `deliver`) only as it would reach a real one: by addresses and signed messages.
"""

import hashlib
import hmac
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from liveshop.clock import now, to_ms
from liveshop.ids import public_id
from liveshop.refusals import Code, Refused
from orders.models import Payment, Refund, SimulatedCharge, SimulatedNotice, SimulatedState
from orders.payments.base import Acknowledgement, Report, Status, Unreachable, Untrusted

MERCHANT = "liveshop-demo"
FRESH_MS = 5 * 60 * 1000
LATE_S = 20
TIMEOUT_S = 5
_STATUS = {
    SimulatedState.OPEN: Status.PENDING,
    SimulatedState.PAID: Status.SUCCEEDED,
    SimulatedState.FAILED: Status.FAILED,
    SimulatedState.CLOSED: Status.CLOSED,
}


def sign(body: bytes, *, timestamp: str, nonce: str) -> str:
    """HMAC-SHA256 over time, nonce and body, as both sides compute it."""
    message = timestamp.encode() + b"\n" + nonce.encode() + b"\n" + body + b"\n"
    return hmac.new(settings.PAYMENT_SIMULATOR_KEY.encode(), message, hashlib.sha256).hexdigest()


def signed_headers(body: bytes) -> dict[str, str]:
    """The headers of a genuine notification, dated now."""
    timestamp, nonce = str(to_ms(now())), secrets.token_hex(8)
    return {
        "Content-Type": "application/json",
        "Pay-Timestamp": timestamp,
        "Pay-Nonce": nonce,
        "Pay-Signature": sign(body, timestamp=timestamp, nonce=nonce),
    }


class Simulator:
    """The shop's side."""

    name = "simulator"
    title = _("the simulator")
    acknowledgement = Acknowledgement("success")

    def start(self, payment: Payment, *, subject: str, return_url: str, notify_url: str, expires_at: datetime) -> str:
        """Open a charge in the simulator's books; asking again finds the same one."""
        SimulatedCharge.objects.get_or_create(
            payment_ref=payment.public_id,
            defaults={
                "subject": subject[:80],
                "amount_fen": payment.amount_fen,
                "return_url": return_url,
                "notify_url": notify_url,
                "expires_at": expires_at,
            },
        )
        return reverse("simulator", args=[payment.public_id])

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Report:
        """Verify signature, age and merchant number, then read. Raises Untrusted."""
        timestamp, nonce = headers.get("Pay-Timestamp", ""), headers.get("Pay-Nonce", "")
        expected = sign(body, timestamp=timestamp, nonce=nonce)
        if not hmac.compare_digest(expected.encode(), headers.get("Pay-Signature", "").encode()):
            raise Untrusted("wrong signature")
        if not timestamp.isdecimal() or abs(to_ms(now()) - int(timestamp)) > FRESH_MS:
            raise Untrusted("too old")
        try:
            told = json.loads(body)
            if told["merchant"] != MERCHANT:
                raise Untrusted("another merchant's")
            return _read(told)
        except (ValueError, KeyError, TypeError) as broken:
            raise Untrusted("unreadable") from broken

    def query(self, payment: Payment) -> Report:
        """What the simulator holds of this attempt now."""
        return _report_of(_charge(payment.public_id), "query")

    def close(self, payment: Payment) -> Report:
        """Close an open charge; one that was paid stays paid and says so."""
        SimulatedCharge.objects.filter(payment_ref=payment.public_id, state__in=[SimulatedState.OPEN, SimulatedState.FAILED]).update(
            state=SimulatedState.CLOSED
        )
        return _report_of(_charge(payment.public_id), "close")

    def refund(self, refund: Refund) -> bool:
        """Give a capture back in full; a repeated refund number changes nothing."""
        with transaction.atomic():
            charge = SimulatedCharge.objects.select_for_update().filter(captures__contains=[{"ref": refund.payment.provider_ref}]).first()
            if charge is None:
                raise Unreachable("no such capture")
            charge.refunds.setdefault(refund.public_id, refund.amount_fen)
            charge.save(update_fields=["refunds"])
        return True


def _charge(payment_ref: str) -> SimulatedCharge:
    charge = SimulatedCharge.objects.filter(payment_ref=payment_ref).first()
    if charge is None:
        raise Unreachable("no such charge")
    return charge


def _report_of(charge: SimulatedCharge, how: str) -> Report:
    status = _STATUS[SimulatedState(charge.state)]
    told = _body(charge, status, event_id=f"{how}:{charge.payment_ref}:{status}", capture=charge.captures[0] if charge.captures else None)
    return _read(told)


def _body(charge: SimulatedCharge, status: Status, *, event_id: str, capture: dict[str, str] | None, why: str = "") -> dict[str, Any]:
    return {
        "event": event_id,
        "merchant": MERCHANT,
        "payment": charge.payment_ref,
        "status": status.value,
        "amount_fen": charge.amount_fen,
        "capture": capture["ref"] if capture else "",
        "payer": capture["payer"] if capture else "",
        "at": capture["at"] if capture else now().isoformat(),
        "why": why,
    }


def _read(told: dict[str, Any]) -> Report:
    at = parse_datetime(told["at"])
    if at is None or type(told["amount_fen"]) is not int:
        raise ValueError("unreadable")
    return Report(
        event_id=str(told["event"]),
        payment_ref=str(told["payment"]),
        status=Status(told["status"]),
        amount_fen=told["amount_fen"],
        at=at,
        provider_ref=str(told["capture"]),
        payer=str(told["payer"]),
        why=str(told["why"]),
        body=told,
    )


class Button(StrEnum):
    """What can be pressed on the simulator's page."""

    PAY = "pay"
    FAIL = "fail"
    PAY_TELL_LATE = "pay_tell_late"
    PAY_TELL_TWICE = "pay_tell_twice"
    PAY_TWICE = "pay_twice"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Pressed:
    """What the press did: the charge after it and the notices to send, with the seconds to wait before each."""

    charge: SimulatedCharge
    notices: list[tuple[SimulatedNotice, int]]


def press(*, payment_ref: str, button: Button, payer: str, is_late: bool = False) -> Pressed:
    """Press a button of the simulator's page; the books change and the notices are queued in one transaction.

    `is_late` takes the money although the charge is closed, as a bank does whose "yes" was under way.
    Raises Refused(NOT_FOUND | CLOSED_UNPAID | INVALID).
    """
    with transaction.atomic(durable=True):
        charge = SimulatedCharge.objects.select_for_update().filter(payment_ref=payment_ref).first()
        if charge is None:
            raise Refused(Code.NOT_FOUND)
        if charge.state == SimulatedState.PAID:
            raise Refused(Code.INVALID, why=_("This payment was made already"))
        is_over = charge.state == SimulatedState.CLOSED or charge.expires_at <= now()
        if is_over and not is_late:
            raise Refused(Code.CLOSED_UNPAID)
        notices = _press_in_tx(charge, button, payer)
        charge.save(update_fields=["state", "captures"])
        for notice, wait_s in notices:
            _queue_in_tx(notice, wait_s)
    return Pressed(charge, notices)


def _press_in_tx(charge: SimulatedCharge, button: Button, payer: str) -> list[tuple[SimulatedNotice, int]]:
    if button is Button.CANCEL:
        charge.state = SimulatedState.CLOSED
        return [(_notice(charge, Status.CLOSED, why="cancelled"), 0)]
    if button is Button.FAIL:
        charge.state = SimulatedState.FAILED
        return [(_notice(charge, Status.FAILED, why="not_enough_money"), 0)]
    charge.state = SimulatedState.PAID
    times = 2 if button is Button.PAY_TWICE else 1
    charge.captures = [{"ref": f"sim{public_id()}", "payer": payer, "at": now().isoformat()} for _time in range(times)]
    notices = [(_notice(charge, Status.SUCCEEDED, capture=capture), 0) for capture in charge.captures]
    if button is Button.PAY_TELL_LATE:
        return [(notice, LATE_S) for notice, _wait in notices]
    if button is Button.PAY_TELL_TWICE:
        return [notices[0], notices[0]]
    return notices


def _notice(charge: SimulatedCharge, status: Status, *, capture: dict[str, str] | None = None, why: str = "") -> SimulatedNotice:
    event_id = f"ev{public_id()}"
    told = _body(charge, status, event_id=event_id, capture=capture, why=why)
    return SimulatedNotice(event_id=event_id, charge=charge, body=json.dumps(told))


def _queue_in_tx(notice: SimulatedNotice, wait_s: int) -> None:
    from orders.tasks import deliver_notice  # tasks import this module

    if notice.pk is None:
        notice.save(force_insert=True)
    deliver_notice.configure(schedule_in={"seconds": wait_s}).defer(notice_id=notice.pk)


def post(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """One real HTTP POST; the text of the answer. Raises Unreachable."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            text: bytes = answer.read(200)
    except (urllib.error.URLError, OSError) as trouble:
        raise Unreachable(str(trouble)) from trouble
    return text.decode(errors="replace")


def deliver(notice_id: int, *, send: Callable[[str, Mapping[str, str], bytes], str] = post) -> None:
    """Send a notice once, freshly signed. Raises Unreachable unless the shop answers "success", so that the job tries again."""
    notice = SimulatedNotice.objects.select_related("charge").get(pk=notice_id)
    body = notice.body.encode()
    try:
        answer = send(notice.charge.notify_url, signed_headers(body), body).strip()
    except Unreachable as trouble:
        answer = str(trouble)
    notice.attempts += 1
    notice.last_answer = answer[:120]
    if answer == "success":
        notice.delivered_at = now()
    notice.save(update_fields=["attempts", "last_answer", "delivered_at"])
    if answer != "success":
        raise Unreachable(notice.last_answer)
