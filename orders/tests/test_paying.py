"""What becomes of money: paid once, refunded when it may not stay, never believed when it is not signed."""

import uuid

import pytest

from accounts.models import AuditEntry, User
from campaigns.models import ClaimState, GrantState
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from orders import closing, paying, refunds
from orders.models import Order, OrderState, Payment, PaymentEvent, PaymentState, Refund, RefundState, SimulatedCharge
from orders.payments import simulator
from orders.payments.base import Unreachable, Untrusted
from orders.payments.simulator import Button
from orders.tests import shop
from rooms.models import Room
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_paying_sells_once(viewer: User) -> None:
    product = cast.make_product(price_fen=3990, stock=3)
    order = shop.place(viewer, product, quantity=2)
    assert shop.stock_of(product) == (1, 2, 0)
    assert shop.pay(order) is paying.Outcome.PAID
    order.refresh_from_db()
    viewer.refresh_from_db()
    assert (order.state, order.paid_fen) == (OrderState.PAID, 7980)
    assert viewer.first_paid_at == order.paid_at
    assert shop.stock_of(product) == (1, 0, 2)


def test_double_tap_on_pay_is_one_attempt(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    assert shop.begin(order) == shop.begin(order)
    assert SimulatedCharge.objects.count() == 1


def test_the_same_notice_twice_changes_nothing_more(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product(stock=1))
    (body, again) = shop.press(shop.begin(order), Button.PAY_TELL_TWICE)
    assert [shop.tell(body), shop.tell(again), shop.tell(body)] == ["paid", "repeat", "repeat"]
    assert PaymentEvent.objects.count() == 1
    assert Refund.objects.count() == 0


def test_the_same_money_under_another_event_number_is_a_repeat(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    (body,) = shop.press(shop.begin(order))
    assert [shop.tell(body), shop.tell(shop.changed(body, event="ev-again"))] == ["paid", "repeat"]
    assert Payment.objects.get().state == PaymentState.SUCCEEDED


@pytest.mark.parametrize("trick", ["body", "signature", "time", "merchant", "unknown payment", "no capture", "not json"])
def test_a_forged_notice_is_not_believed(viewer: User, trick: str) -> None:
    order = shop.place(viewer, cast.make_product())
    (body,) = shop.press(shop.begin(order))
    headers = simulator.signed_headers(body)
    if trick == "body":
        body = shop.changed(body, event="ev-other")
    elif trick == "signature":
        headers["Pay-Signature"] = "0" * 64
    elif trick == "time":
        old = "1000"
        headers |= {"Pay-Timestamp": old, "Pay-Signature": simulator.sign(body, timestamp=old, nonce=headers["Pay-Nonce"])}
    else:
        body = {
            "merchant": shop.changed(body, merchant="somebody"),
            "unknown payment": shop.changed(body, payment="nothere"),
            "no capture": shop.changed(body, capture=""),
            "not json": b"amount=1",
        }[trick]
        headers = simulator.signed_headers(body)
    with pytest.raises(Untrusted):
        paying.receive("simulator", headers, body)
    assert PaymentEvent.objects.count() == 0
    assert Order.objects.get().state == OrderState.UNPAID


@pytest.mark.parametrize("amount_fen", [1, 3989, 3991, -3990])
def test_a_wrong_amount_pays_nothing_and_is_audited(viewer: User, amount_fen: int) -> None:
    order = shop.place(viewer, cast.make_product(price_fen=3990))
    (body,) = shop.press(shop.begin(order))
    assert shop.tell(shop.changed(body, amount_fen=amount_fen)) is paying.Outcome.WRONG_AMOUNT
    assert Order.objects.get().state == OrderState.UNPAID
    assert AuditEntry.objects.get(action="payment.wrong_amount").after["amount_fen"] == amount_fen


def test_money_of_another_amount_goes_back_once_and_the_order_can_still_be_paid(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product(price_fen=3990))
    (body,) = shop.press(shop.begin(order))
    wrong = shop.changed(body, amount_fen=3989)
    assert [shop.tell(wrong), shop.tell(wrong), shop.tell(shop.changed(wrong, event="ev-again"))] == [
        "wrong_amount", "repeat", "wrong_amount"
    ]  # fmt: skip
    assert [(refund.amount_fen, refund.reason) for refund in Refund.objects.all()] == [(3989, "wrong_amount")]
    assert refunds.send(Refund.objects.get().pk).state == RefundState.DONE
    assert shop.pay(order) is paying.Outcome.PAID
    assert Order.objects.get().paid_fen == 3990


def test_a_provider_that_the_site_gave_up_keeps_no_order_open(viewer: User) -> None:
    product = cast.make_product(stock=1)
    order = shop.place(viewer, product)
    shop.begin(order)
    Payment.objects.update(provider="gone")
    assert paying.ask(order).state == OrderState.UNPAID
    Order.objects.update(expires_at=now() - closing.PATIENCE)
    assert closing.expire_due() == 1
    assert shop.stock_of(product) == (1, 0, 0)


@pytest.mark.parametrize("late", ["failed", "closed"])
def test_a_late_failure_never_takes_back_a_success(viewer: User, late: str) -> None:
    order = shop.place(viewer, cast.make_product())
    (body,) = shop.press(shop.begin(order))
    assert shop.tell(body) is paying.Outcome.PAID
    assert shop.tell(shop.changed(body, event="ev-late", status=late, capture="")) is paying.Outcome.IGNORED
    assert Order.objects.get().state == OrderState.PAID
    assert Payment.objects.get().state == PaymentState.SUCCEEDED


@pytest.mark.parametrize("early", ["failed", "closed"])
def test_a_success_after_a_failure_of_the_same_attempt_counts(viewer: User, early: str) -> None:
    order = shop.place(viewer, cast.make_product())
    (body,) = shop.press(shop.begin(order))
    assert shop.tell(shop.changed(body, event="ev-early", status=early, capture="", why="not_enough_money")) == early
    assert shop.tell(body) is paying.Outcome.PAID
    assert Payment.objects.get().failure == ""


def test_failed_then_paid_on_the_same_order(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    first = shop.begin(order)
    assert [shop.tell(body) for body in shop.press(first, Button.FAIL)] == ["failed"]
    assert shop.pay(order) is paying.Outcome.PAID
    assert sorted(Payment.objects.values_list("state", flat=True)) == [PaymentState.SUCCEEDED, PaymentState.FAILED]


def test_two_attempts_paid_refund_the_second(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    first = shop.begin(order)
    Payment.objects.filter(pk=first.pk).update(state=PaymentState.FAILED)
    second = shop.begin(order)
    assert [shop.tell(body) for payment in (second, first) for body in shop.press(payment)] == ["paid", "twice"]
    assert Refund.objects.get().payment == first
    order.refresh_from_db()
    assert order.paid_fen == order.due_fen


def test_money_taken_twice_for_one_attempt_goes_back_once(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    bodies = shop.press(shop.begin(order), Button.PAY_TWICE)
    assert [shop.tell(body) for body in [*bodies, *bodies]] == ["paid", "twice", "repeat", "repeat"]
    refund = refunds.send(Refund.objects.get().pk)
    assert refund.state == RefundState.DONE
    assert refunds.send(refund.pk).done_at == refund.done_at
    assert SimulatedCharge.objects.get().refunds == {refund.public_id: order.due_fen}


def test_paid_after_expiry_comes_back_and_the_unit_is_on_sale(viewer: User) -> None:
    product = cast.make_product(stock=1)
    order = shop.place(viewer, product)
    payment = shop.begin(order)
    shop.lapse(order)
    assert closing.expire_due() == 1
    (body,) = shop.press(payment, is_late=True)
    assert [shop.tell(body), shop.tell(body)] == ["late", "repeat"]
    order.refresh_from_db()
    assert (order.state, order.paid_fen, order.close_reason) == (OrderState.CLOSED, 0, "expired")
    assert Refund.objects.get().reason == "late"
    assert shop.stock_of(product) == (1, 0, 0)


def test_paid_too_late_closes_an_order_the_sweeper_has_not_seen(viewer: User) -> None:
    product = cast.make_product(stock=1)
    order = shop.place(viewer, product)
    payment = shop.begin(order)
    shop.lapse(order)
    (body,) = shop.press(payment, is_late=True)
    assert shop.tell(body) is paying.Outcome.LATE
    assert Order.objects.get().state == OrderState.CLOSED
    assert shop.stock_of(product) == (1, 0, 0)
    assert closing.expire_due() == 0


def test_paid_in_time_but_told_late_is_paid(viewer: User) -> None:
    product = cast.make_product(stock=1)
    order = shop.place(viewer, product)
    (body,) = shop.press(shop.begin(order), Button.PAY_TELL_LATE)
    Order.objects.filter(pk=order.pk).update(expires_at=order.placed_at.replace(year=order.placed_at.year - 1))
    paid_in_time = shop.changed(body, at=order.placed_at.replace(year=order.placed_at.year - 2).isoformat())
    assert shop.tell(paid_in_time) is paying.Outcome.PAID
    assert shop.stock_of(product) == (0, 0, 1)


def test_expiry_asks_the_provider_before_it_closes(viewer: User) -> None:
    """The notice got lost, the time ran out: the money was taken in time, so the order is paid, not closed."""
    order = shop.place(viewer, cast.make_product())
    shop.press(shop.begin(order))
    charge = SimulatedCharge.objects.get()
    Order.objects.filter(pk=order.pk).update(expires_at=order.placed_at)
    charge.captures[0]["at"] = order.placed_at.isoformat()
    charge.save()
    assert closing.expire_due() == 0
    assert Order.objects.get().state == OrderState.PAID


def test_the_result_page_asks_actively(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    shop.press(shop.begin(order))
    assert paying.ask(order).state == OrderState.PAID


def test_a_closed_order_cannot_be_started(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    closing.cancel(order=order, by=viewer)
    with pytest.raises(Refused) as refused:
        shop.begin(order)
    assert refused.value.code is Code.CLOSED_UNPAID
    assert Payment.objects.count() == 0


def test_an_outsider_can_neither_pay_nor_cancel(viewer: User, other_anchor: User) -> None:
    order = shop.place(viewer, cast.make_product())
    for act in (
        lambda: paying.start(order=order, provider_name="simulator", by=other_anchor),
        lambda: closing.cancel(order=order, by=other_anchor),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code is Code.NOT_FOUND
    assert Order.objects.get().state == OrderState.UNPAID


def test_claim_paid_moves_the_deals_unit(viewer: User, room: Room) -> None:
    product = cast.make_product(stock=10)
    claim = shop.make_claim(shop.make_deal(room, product, total=3), viewer)
    order = shop.place_claim(claim)
    assert order.expires_at == claim.expires_at
    assert (order.room, order.due_fen) == (room, 100)
    assert shop.pay(order) is paying.Outcome.PAID
    claim.refresh_from_db()
    claim.deal.refresh_from_db()
    assert claim.state == ClaimState.PAID
    assert (claim.deal.available, claim.deal.held, claim.deal.sold) == (2, 0, 1)


def test_one_account_pays_one_newcomer_unit(viewer: User, other_anchor: User, room: Room) -> None:
    product = cast.make_product(stock=10)
    deal = shop.make_deal(room, product, total=3)
    first, second = (shop.place_claim(shop.make_claim(deal, user)) for user in (viewer, other_anchor))
    assert shop.pay(first, payer="account:mother") is paying.Outcome.PAID
    assert shop.pay(second, payer="account:mother") is paying.Outcome.PAYER_TAKEN
    second.refresh_from_db()
    deal.refresh_from_db()
    other_anchor.refresh_from_db()
    assert (second.state, second.close_reason, second.paid_fen) == (OrderState.CLOSED, "refunded", 0)
    assert (deal.available, deal.held, deal.sold) == (2, 0, 1)
    assert other_anchor.first_paid_at is None
    assert Refund.objects.get().reason == "payer_taken"


def test_a_newcomer_who_won_in_two_rooms_buys_one_unit(viewer: User, room: Room) -> None:
    one, other = (shop.make_claim(shop.make_deal(room, cast.make_product(stock=10)), viewer) for room in (room, cast.make_room()))
    first = shop.place_claim(one)
    with pytest.raises(Refused) as refused:
        shop.place_claim(other)
    assert refused.value.code is Code.NOT_ELIGIBLE
    other.refresh_from_db()
    assert (other.state, Order.objects.count()) == (ClaimState.HELD, 1)
    closing.cancel(order=first, by=viewer)
    assert shop.pay(shop.place_claim(other)) is paying.Outcome.PAID


def test_one_address_gets_one_newcomer_unit(viewer: User, other_anchor: User, room: Room) -> None:
    deal = shop.make_deal(room, cast.make_product(stock=10), total=3)
    shop.place_claim(shop.make_claim(deal, viewer), address=shop.make_address(viewer, detail="小寨 东路１号"))
    second = shop.make_claim(deal, other_anchor)
    with pytest.raises(Refused) as refused:
        shop.place_claim(second, address=shop.make_address(other_anchor, detail="小寨东路1号"))
    assert refused.value.code is Code.NOT_ELIGIBLE
    second.refresh_from_db()
    assert (second.state, Order.objects.count()) == (ClaimState.HELD, 1)


def test_coupon_is_locked_then_used_or_returned(viewer: User) -> None:
    product = cast.make_product(price_fen=3990)
    grant = shop.make_grant(viewer, product.shop)
    order = shop.place(viewer, product, grant_id=grant.public_id, due_fen=3490)
    grant.refresh_from_db()
    assert (grant.state, grant.order_ref) == (GrantState.LOCKED, order.public_id)
    closing.cancel(order=order, by=viewer)
    grant.refresh_from_db()
    assert (grant.state, grant.order_ref) == (GrantState.UNUSED, "")
    order = shop.place(viewer, product, grant_id=grant.public_id, due_fen=3490)
    assert shop.pay(order) is paying.Outcome.PAID
    grant.refresh_from_db()
    assert (grant.state, grant.order_ref) == (GrantState.USED, order.public_id)


def test_a_notice_is_sent_until_the_shop_says_success(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    shop.press(shop.begin(order))
    notice = SimulatedCharge.objects.get().notices.get()
    with pytest.raises(Unreachable):
        simulator.deliver(notice.pk, send=lambda url, headers, body: "catching breath")

    def door(url: str, headers: dict[str, str], body: bytes) -> str:
        assert url.endswith("/pay/notify/simulator")
        assert paying.receive("simulator", headers, body) is paying.Outcome.PAID
        return "success"

    simulator.deliver(notice.pk, send=door)
    notice.refresh_from_db()
    assert (notice.attempts, notice.last_answer) == (2, "success")


def test_a_refund_waits_for_an_unreachable_provider(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.place(viewer, cast.make_product())
    bodies = shop.press(shop.begin(order), Button.PAY_TWICE)
    for body in bodies:
        shop.tell(body)
    refund = Refund.objects.get()

    def unreachable(self: simulator.Simulator, refund: Refund) -> bool:
        raise Unreachable("down")

    monkeypatch.setattr(simulator.Simulator, "refund", unreachable)
    with pytest.raises(Unreachable):
        refunds.send(refund.pk)
    refund.refresh_from_db()
    assert refund.state == RefundState.ASKED
    monkeypatch.undo()
    assert refunds.chase() == 0  # its job is still at it
    Refund.objects.update(created_at=now() - refunds.CHASE_AFTER)
    assert refunds.chase() == 1
    assert [*SimulatedCharge.objects.get().refunds.values()] == [refund.amount_fen]


def test_an_unknown_provider_is_not_found(viewer: User) -> None:
    order = shop.place(viewer, cast.make_product(), key=uuid.uuid4())
    with pytest.raises(Refused) as refused:
        paying.start(order=order, provider_name="nobody", by=viewer)
    assert refused.value.code is Code.NOT_FOUND
