"""From the press of a drop to its published log: promise, receipts, corrections, and who may see what."""

import json
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.audit import AuditEntry
from accounts.models import User
from campaigns import claimlogs, claims, commitments, deals, drops, holds, panels, proofs
from campaigns.models import Claim, ClaimLog, ClaimState, Commitment, Deal, DealState, LogPart
from liveshop.clock import now
from rooms.models import Room
from tests import cast
from tests.scarce import make_people, require_exact

pytestmark = pytest.mark.django_db(transaction=True)


def plan(room: Room, total: int = 3) -> Deal:
    product = cast.make_product(room.anchor.shops.first() or cast.make_shop(room.anchor), stock=50)
    cast.make_shelf_item(room, product)
    return deals.plan(room=room, sku=product.skus.get(), by=room.anchor, total=total, run_s=300, per_day_limit=0, hold_s=60)


def opened(room: Room, total: int = 3) -> Deal:
    """Pressed, and open at once: the promise is made of a start that has come meanwhile."""
    deal = plan(room, total)
    drops.press(drop=deal.drop, by=room.anchor)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM starts_at - clock_timestamp()))) FROM campaigns_deal WHERE id = %s", [deal.pk]
        )
    deal.refresh_from_db()
    return deal


def tap(deal: Deal, user: User) -> claims.ClaimOutcome:
    return claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4())


def public(client: Client, deal: Deal) -> dict:
    return client.get(reverse("drop_log", args=[deal.public_id])).json()


@pytest.fixture(autouse=True)
def _short_undo(settings) -> None:
    settings.DROP_UNDO_S = 0.05


def test_the_press_promises_before_the_opening_and_the_card_shows_it(room: Room) -> None:
    deal = plan(room)
    assert deal.commitment is None
    drops.press(drop=deal.drop, by=room.anchor, opens_in_s=20)
    deal.refresh_from_db()
    promised = Commitment.objects.get(deal=deal)
    terms = json.loads(promised.terms)
    assert promised.terms_hash == proofs.sha256(promised.terms) == proofs.sha256(proofs.canonical(terms))
    assert promised.made_at < deal.starts_at
    assert terms["total"] == 3
    assert terms["price_fen"] == 100
    assert terms["nonce_hash"] == proofs.sha256(bytes(promised.nonce).hex())
    assert bytes(promised.nonce).hex() not in promised.terms
    shown = panels.drops(room)
    assert [one.commitment for one in shown.context["deals"]] == [promised]
    assert AuditEntry.objects.get(action="drop.press").after == {"terms": promised.terms_hash}
    assert room.events.get(kind="drop_pressed").facts["terms"] == promised.terms_hash


def test_a_drop_taken_back_keeps_its_promise_and_a_second_press_makes_another(client: Client, room: Room, settings) -> None:
    settings.DROP_UNDO_S = 3
    deal = plan(room)
    drops.press(drop=deal.drop, by=room.anchor)
    deal.drop.refresh_from_db()
    drops.undo(drop=deal.drop, by=room.anchor)
    page = client.get(reverse("drop", args=[deal.public_id])).content.decode()
    assert "撤回了这场福利" in page
    deal.drop.refresh_from_db()
    drops.press(drop=deal.drop, by=room.anchor, opens_in_s=10)
    first, second = Commitment.objects.filter(deal=deal).order_by("pk")
    assert Deal.objects.get(pk=deal.pk).commitment == second
    page = client.get(reverse("drop", args=[deal.public_id])).content.decode()
    assert second.terms_hash in page
    assert first.terms_hash[:16] in page


@pytest.mark.parametrize("statement", ["UPDATE {} SET deal_id = deal_id", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["campaigns_commitment", "campaigns_claimlog"])
def test_nobody_edits_what_was_promised_or_published(room: Room, statement: str, table: str) -> None:
    deal = opened(room)
    deals.end(deal=deal, by=room.anchor)
    claimlogs.write_due()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))
    assert Commitment.objects.count() == 1
    assert ClaimLog.objects.count() == 2


def test_the_log_says_who_won_in_order_and_marks_what_came_back(client: Client, room: Room) -> None:
    deal = opened(room, total=3)
    people = make_people(6)
    won = [tap(deal, person) for person in people[:3]]
    assert tap(deal, people[3]).code == "SOLD_OUT"
    lapsed = Claim.objects.get(public_id=won[1].claim)
    with transaction.atomic():
        holds.return_in_tx(lapsed, "expired")
    assert tap(deal, people[4]).is_won
    assert claimlogs.write_due() == 0  # not over yet
    assert public(client, deal)["claims"] is None
    deals.end(deal=deal, by=room.anchor)
    assert claimlogs.write_due() == 1
    log = public(client, deal)
    assert proofs.failures(log) == []
    assert [(row["n"], row["place"], row["unit"]) for row in log["claims"]["rows"]] == [
        (1, 1, "first"), (2, 2, "first"), (3, 3, "first"), (4, 5, "again"),
    ]  # fmt: skip
    assert log["outcomes"] is None  # three have not paid yet
    body = ClaimLog.objects.get(deal=deal).body
    for claim in Claim.objects.filter(deal=deal, state=ClaimState.HELD):
        with transaction.atomic():
            holds.return_in_tx(claim, "cancelled")
    assert claimlogs.write_due() == 1
    log = public(client, deal)
    assert proofs.failures(log) == []
    assert [row["what"] for row in log["outcomes"]["rows"]] == ["returned", "expired", "returned", "returned"]
    assert ClaimLog.objects.get(deal=deal, part=LogPart.CLAIMS).body == body
    assert claimlogs.write_due() == 0
    require_exact(deal)


def test_a_deal_nobody_won_is_logged_at_once(client: Client, room: Room) -> None:
    deal = opened(room)
    Deal.objects.filter(pk=deal.pk).update(ends_at=now() - timedelta(milliseconds=1))
    deals.end_due()
    assert claimlogs.write_due() == 2
    assert public(client, deal)["claims"]["rows"] == []
    assert "全部属实" in client.get(reverse("drop", args=[deal.public_id])).content.decode()


def test_only_the_claimer_knows_her_name_in_the_log(client: Client, room: Room) -> None:
    deal = opened(room)
    winner, other = make_people(2)
    for person in (winner, other):
        tap(deal, person)
    deals.end(deal=deal, by=room.anchor)
    claimlogs.write_due()
    claim = Claim.objects.get(user=winner)
    own = commitments.receipt(deal.commitment, claim)
    text = client.get(reverse("drop_log", args=[deal.public_id])).content.decode()
    for secret in (own, claim.public_id, winner.public_id, winner.nickname, bytes(deal.commitment.receipt_key).hex()):
        assert secret not in text
    assert own not in client.get(reverse("drop", args=[deal.public_id])).content.decode()
    client.force_login(other)
    assert own not in client.get(reverse("drop", args=[deal.public_id])).content.decode()
    client.force_login(winner)
    assert own in client.get(reverse("drop", args=[deal.public_id])).content.decode()
    assert own in client.get(reverse("my_claims")).content.decode()
    assert proofs.pseudonym(bytes(deal.commitment.nonce).hex(), own) == json.loads(text)["claims"]["rows"][0]["who"]


@pytest.mark.parametrize(("asked", "answer"), [("own", "第 1 位抢到"), ("AAAA-BBBB", "没有这张凭证")])
def test_a_receipt_is_looked_up_without_scripts(client: Client, room: Room, viewer: User, asked: str, answer: str) -> None:
    deal = opened(room)
    tap(deal, viewer)
    deals.end(deal=deal, by=room.anchor)
    claimlogs.write_due()
    receipt = commitments.receipt(deal.commitment, Claim.objects.get()).lower() if asked == "own" else asked
    assert answer in client.post(reverse("drop", args=[deal.public_id]), {"receipt": receipt}).content.decode()


def test_a_deal_nobody_was_shown_has_no_page(client: Client, room: Room) -> None:
    deal = plan(room)
    for name in ("drop", "drop_log"):
        assert client.get(reverse(name, args=[deal.public_id])).status_code == 404
    assert client.get(reverse("drop", args=["nobody"])).status_code == 404


def test_my_claims_are_for_the_signed_in(client: Client, viewer: User) -> None:
    assert client.get(reverse("my_claims")).status_code == 302
    client.force_login(viewer)
    assert "还没有抢到过" in client.get(reverse("my_claims")).content.decode()


def test_a_log_the_clock_missed_is_written_when_somebody_asks(client: Client, room: Room) -> None:
    deal = opened(room)
    deals.end(deal=deal, by=room.anchor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'campaigns.tasks.write_log'")
        before = cursor.fetchone()[0]
        for _ in range(2):
            client.get(reverse("drop", args=[deal.public_id]))
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'campaigns.tasks.write_log'")
        assert cursor.fetchone()[0] - before == 1


def test_a_claim_writes_nothing_for_the_proof(room: Room, viewer: User) -> None:
    deal = opened(room)
    with CaptureQueriesContext(connection) as seen:
        assert tap(deal, viewer).is_won
    assert not [query["sql"] for query in seen if "commitment" in query["sql"] or "claimlog" in query["sql"]]


def test_two_writers_at_once_keep_one_log(room: Room) -> None:
    deal = opened(room)
    deals.end(deal=deal, by=room.anchor)
    deal.refresh_from_db()
    stale = Deal.objects.get(pk=deal.pk)
    assert claimlogs.write(deal) == 2
    claimlogs.write(stale)
    assert ClaimLog.objects.filter(deal=deal).count() == 2
    assert deal.state == DealState.ENDED
