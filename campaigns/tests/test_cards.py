"""A card drawn once and filled is, to the letter, the card drawn for one person."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone, translation

from campaigns import asking, cards, claims, coupons, deals, waitlist
from campaigns.cards import Fresh
from campaigns.memory import Kind, Target
from campaigns.models import Coupon, Deal
from campaigns.outcomes import ClaimOutcome
from rooms.models import Room
from tests import cast
from tests.scarce import make_coupon, make_deal

pytestmark = pytest.mark.django_db(transaction=True)


def drawn(target: Target, language: str, outcome: ClaimOutcome, user_id: int) -> str | None:
    async def errand() -> cards.Card | None:
        return await cards.drawn(target, language, outcome, user_id)

    card = asyncio.run(errand())
    return card.filled(outcome) if card else None


def sold_out(room: Room) -> Deal:
    deal = make_deal(room, total=1)
    claims.claim_now(deal_id=deal.pk, user_id=cast.make_user().pk, key=uuid.uuid4())
    return deal


def frozen(room: Room) -> Deal:
    deal = make_deal(room)
    deals.freeze(deal=deal, by=room.anchor, reason="核对 <b>价格</b>")
    return deal


def ended(room: Room) -> Deal:
    deal = make_deal(room)
    deals.end(deal=deal, by=room.anchor)
    return deal


def not_open(room: Room) -> Deal:
    moment = timezone.now()
    return make_deal(room, starts_at=moment + timedelta(minutes=1), ends_at=moment + timedelta(minutes=5))


def gone_coupon(room: Room) -> Coupon:
    coupon = make_coupon(room, total=1)
    claims.take_now(coupon_id=coupon.pk, user_id=cast.make_user().pk, key=uuid.uuid4())
    return coupon


def ended_coupon(room: Room) -> Coupon:
    coupon = make_coupon(room, funder="platform")
    coupons.end(coupon=coupon, by=cast.make_user(is_superuser=True))
    return coupon


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (make_deal, "WON"),
        (sold_out, "SOLD_OUT"),
        (frozen, "FROZEN"),
        (ended, "ENDED"),
        (not_open, "NOT_STARTED"),
        (make_coupon, "WON"),
        (gone_coupon, "SOLD_OUT"),
        (ended_coupon, "ENDED"),
    ],
)
def test_filled_is_what_would_be_drawn(room: Room, make: Any, code: str, language: str) -> None:
    thing = make(room)
    target = Target(Kind.DEAL if isinstance(thing, Deal) else Kind.COUPON, thing.pk)
    user = cast.make_user()
    outcome = claims.ask_now(target, asking.tap(user.pk, uuid.uuid4(), None, None))
    assert outcome.code == code
    with translation.override(language):
        assert drawn(target, language, outcome, user.pk) == asking.card(target, user.pk, outcome)


def test_the_second_person_gets_her_own_figures_without_a_query(room: Room, django_assert_num_queries) -> None:
    deal = sold_out(room)
    target = Target(Kind.DEAL, deal.pk)
    first, second = (ClaimOutcome("SOLD_OUT", place=place, facts={"total": 1, "late_s": late}) for place, late in ((7, 0.2), (8, 1.5)))
    assert cards.known(target, "zh-hans", "SOLD_OUT", 1) is None
    assert "第 7" in drawn(target, "zh-hans", first, 1)
    with django_assert_num_queries(0):
        card = cards.known(target, "zh-hans", "SOLD_OUT", 2)
        told = card.filled(second)
    assert "第 8" in told
    assert "1.50" in told


def test_who_waits_in_line_sees_her_place_instead(room: Room) -> None:
    deal, user = sold_out(room), cast.make_user()
    waitlist.join(deal=deal, user=user)
    target, outcome = Target(Kind.DEAL, deal.pk), ClaimOutcome("SOLD_OUT", place=3, facts={"total": 1, "late_s": 0.1})
    assert drawn(target, "zh-hans", outcome, user.pk) is None
    assert cards.known(target, "zh-hans", "SOLD_OUT", user.pk) is None
    assert drawn(target, "zh-hans", outcome, user.pk + 1)


@pytest.mark.parametrize("code", ["ALREADY_CLAIMED", "NOT_NEWCOMER", "LIMIT_PER_USER", "BANNED", "FORBIDDEN"])
def test_what_is_about_a_person_is_drawn_for_her(room: Room, code: str) -> None:
    assert drawn(Target(Kind.DEAL, make_deal(room).pk), "zh-hans", ClaimOutcome(code), 1) is None


def test_figures_are_escaped(room: Room) -> None:
    told = drawn(Target(Kind.DEAL, make_deal(room).pk), "en", ClaimOutcome("FROZEN", facts={"why": "<script>"}), 1)
    assert "&lt;script&gt;" in told
    assert "<script>" not in told


def test_many_who_want_one_value_wait_for_one_fetch() -> None:
    fetched = []

    async def make() -> int:
        fetched.append(1)
        await asyncio.sleep(0.01)
        return len(fetched)

    async def errand() -> list[int]:
        fresh: Fresh[str, int] = Fresh(60)
        return await asyncio.gather(*[fresh.fetch("it", make) for _ in range(50)])

    assert asyncio.run(errand()) == [1] * 50


def test_a_failed_fetch_is_tried_again() -> None:
    async def fail() -> int:
        raise OSError("away")

    async def succeed() -> int:
        return 7

    async def errand() -> int:
        fresh: Fresh[str, int] = Fresh(60)
        with pytest.raises(OSError, match="away"):
            await fresh.fetch("it", fail)
        return await fresh.fetch("it", succeed)

    assert asyncio.run(errand()) == 7


@pytest.fixture(autouse=True)
def _hang_up():
    yield
    connections.close_all()
