"""Many people, few units, one moment. Real PostgreSQL, real concurrency; the control shows that the attack is real."""

import asyncio
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import identity
from campaigns import claims, deals, holds
from campaigns.engine import ClaimEngine
from campaigns.models import Claim, ClaimKey, ClaimState, CouponGrant, Deal, DealState, Drop
from campaigns.outcomes import ClaimOutcome
from liveshop.refusals import Code
from tests import cast
from tests.scarce import all_claim, make_coupon, make_deal, make_people, require_exact, with_engine

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 200


@pytest.mark.parametrize("units", [1, 20])
def test_two_hundred_people_get_exactly_the_units(units):
    deal, people = make_deal(total=units), make_people(PEOPLE)
    outcomes = all_claim(deal, [user.pk for user in people])
    assert sum(outcome.is_won for outcome in outcomes) == units
    assert sum(outcome.code == Code.SOLD_OUT for outcome in outcomes) == PEOPLE - units
    require_exact(deal)
    assert deal.available == 0
    assert deal.sold_out_at is not None


@pytest.mark.parametrize("units", [1, 20])
def test_threads_without_an_engine_get_exactly_the_units(units):
    deal, people = make_deal(total=units), make_people(60)
    codes = in_threads([lambda user=user: claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()).code for user in people])
    assert codes.count("WON") == units
    require_exact(deal)


def test_control_reading_then_writing_oversells():
    """Without the guard the same attack must succeed, else the tests above would prove nothing."""
    deal, people = make_deal(total=1), make_people(20)
    gate = threading.Barrier(20)

    def read_then_write(user):
        seen = Deal.objects.get(pk=deal.pk)
        connection.close()  # the pool has fewer connections than the gate has people
        gate.wait(10)
        if seen.available < 1:
            return "SOLD_OUT"
        with transaction.atomic():
            Claim.objects.create(deal=deal, user=user, key=uuid.uuid4(), place=1, expires_at=timezone.now() + timedelta(minutes=5))
            Deal.objects.filter(pk=deal.pk).update(available=seen.available - 1, held=seen.held + 1)
        return "WON"

    codes = in_threads([lambda user=user: read_then_write(user) for user in people], workers=20)
    assert codes.count("WON") > 1
    assert Claim.objects.filter(deal=deal).count() > deal.total
    with pytest.raises(AssertionError):
        require_exact(deal)


def test_fifty_taps_of_one_person_are_one_claim():
    deal = make_deal(total=20)
    user = cast.make_user()
    outcomes = all_claim(deal, [user.pk] * 50)
    assert sum(outcome.is_won for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if not outcome.is_won} == {Code.ALREADY_CLAIMED}
    assert len({outcome.claim for outcome in outcomes}) == 1
    require_exact(deal)
    assert deal.held == 1


def test_fifty_taps_of_one_person_in_threads_are_one_claim():
    deal = make_deal(total=20)
    user = cast.make_user()
    codes = in_threads([lambda: claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()).code] * 50)
    assert codes.count("WON") == 1
    assert codes.count("ALREADY_CLAIMED") == 49
    require_exact(deal)


def test_two_accounts_with_one_phone_are_one_person():
    deal, pairs = make_deal(total=40), [make_people(2) for _ in range(20)]

    async def work(engine: ClaimEngine):
        taps = []
        for n, pair in enumerate(pairs):
            digest = identity.digest("phone", f"+86139{n:08d}")
            taps += [engine.claim(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4(), phone_digest=digest) for user in pair]
        return await asyncio.gather(*taps)

    outcomes = with_engine(work, max_batch=7)
    for first, second in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert sorted([first.code, second.code]) == ["ALREADY_CLAIMED", "WON"]
    require_exact(deal)
    assert ClaimKey.objects.filter(deal=deal).count() == 20


def test_a_repeated_key_is_the_same_claim():
    deal, user, key = make_deal(total=3), cast.make_user(), uuid.uuid4()

    async def work(engine: ClaimEngine):
        together = await asyncio.gather(*[engine.claim(deal_id=deal.pk, user_id=user.pk, key=key) for _ in range(10)])
        return [*together, await engine.claim(deal_id=deal.pk, user_id=user.pk, key=key)]

    outcomes = with_engine(work)
    outcomes.append(claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=key))
    assert all(outcome.is_won for outcome in outcomes)
    assert len({(outcome.claim, outcome.place, outcome.expires_at) for outcome in outcomes}) == 1
    require_exact(deal)
    assert deal.held == 1


def test_claims_against_the_end_of_the_deal():
    """Whoever wins the row first: afterwards nothing is free, every hold is a claim, the rest is back in stock."""
    deal, people = make_deal(total=100), make_people(60)
    deal.sku.refresh_from_db()
    stock_before = deal.sku.stock_available
    started = threading.Event()

    def end():
        started.wait(5)
        deals.end(deal=deal, by=deal.room.anchor, reason="test")

    def tap(user):
        started.set()
        return claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()).code

    codes = in_threads([end, *[lambda user=user: tap(user) for user in people]])
    deal.refresh_from_db()
    deal.sku.refresh_from_db()
    assert deal.state == DealState.ENDED
    assert deal.available == 0
    assert codes.count("WON") == deal.held == Claim.objects.filter(deal=deal).count()
    assert set(codes) <= {"WON", "ENDED", None}
    assert deal.sku.stock_available == stock_before + 100 - deal.held
    assert deal.sku.stock_held == deal.held


def test_claims_against_the_expiry_of_holds():
    """A unit that comes back goes to one person, and every expired person may claim again."""
    deal, people = make_deal(total=5), make_people(40)
    for user in people[:5]:
        assert claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()).is_won
    Claim.objects.filter(deal=deal).update(expires_at=timezone.now() - timedelta(seconds=1))
    taps = [lambda user=user: claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()).code for user in people[5:]]
    results = in_threads([holds.expire_due, *taps[:18], holds.expire_due, *taps[18:], holds.expire_due])
    returned = sum(result for result in results if isinstance(result, int))
    assert returned == 5, "each hold is returned exactly once"
    holds.expire_due()
    require_exact(deal)
    assert not ClaimKey.objects.filter(claim__state=ClaimState.EXPIRED).exists()
    again = claims.claim_now(deal_id=deal.pk, user_id=people[0].pk, key=uuid.uuid4())
    assert again.code in ("WON", "SOLD_OUT")


def test_the_daily_limit_holds_over_several_deals_at_once():
    """Two deals have two locks; the limit is the person's."""
    user = cast.make_user()
    several = [make_deal(total=5, per_day_limit=2) for _ in range(6)]
    codes = in_threads([lambda deal=deal: claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()).code for deal in several])
    assert sorted(codes) == ["LIMIT_PER_USER"] * 4 + ["WON"] * 2


def test_the_last_coupon_goes_to_one_person():
    coupon, people = make_coupon(total=1), make_people(60)
    codes = in_threads([lambda user=user: claims.take_now(coupon_id=coupon.pk, user_id=user.pk, key=uuid.uuid4()).code for user in people])
    coupon.refresh_from_db()
    assert codes.count("WON") == 1 == coupon.issued == CouponGrant.objects.filter(coupon=coupon).count()


def test_one_person_takes_no_more_coupons_than_allowed():
    coupon, user = make_coupon(total=50, per_person=3), cast.make_user()
    codes = in_threads([lambda: claims.take_now(coupon_id=coupon.pk, user_id=user.pk, key=uuid.uuid4()).code] * 20)
    coupon.refresh_from_db()
    assert codes.count("WON") == 3 == coupon.issued == CouponGrant.objects.filter(coupon=coupon, user=user).count()


def test_returned_units_lift_sold_out_in_another_process():
    """The engine remembers "sold out"; a unit that comes back by another connection makes it forget at once."""
    deal, people = make_deal(total=1), make_people(3)

    async def work(engine: ClaimEngine):
        engine.start()
        await engine._listens.is_listening.wait()
        first = await engine.claim(deal_id=deal.pk, user_id=people[0].pk, key=uuid.uuid4())
        second = await engine.claim(deal_id=deal.pk, user_id=people[1].pk, key=uuid.uuid4())
        await asyncio.to_thread(give_back, first.claim)
        began = time.monotonic()
        while not (third := await engine.claim(deal_id=deal.pk, user_id=people[2].pk, key=uuid.uuid4())).is_won:
            assert time.monotonic() - began < 0.8, "it must not wait for the note to run out"
            await asyncio.sleep(0.005)
        return first, second, third

    first, second, third = with_engine(work)
    assert (first.code, second.code, third.code) == ("WON", "SOLD_OUT", "WON")
    require_exact(deal)


def test_an_unexpected_error_fails_its_batch_and_the_engine_lives(monkeypatch):
    deal, people = make_deal(total=5), make_people(3)

    async def work(engine: ClaimEngine):
        good = engine._judge

        async def broken(*_arguments):
            raise ZeroDivisionError

        monkeypatch.setattr(engine, "_judge", broken)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(engine.claim(deal_id=deal.pk, user_id=people[0].pk, key=uuid.uuid4()), 5)
        monkeypatch.setattr(engine, "_judge", good)
        return await asyncio.wait_for(engine.claim(deal_id=deal.pk, user_id=people[0].pk, key=uuid.uuid4()), 5)

    assert with_engine(work).is_won
    require_exact(deal)


def test_a_deal_that_is_deleted_while_its_end_is_told_stops_nobody():
    """The look after the answer finds nothing; both flushers go on, for this deal and for others."""
    doomed, other = (
        make_deal(total=1, ends_at=timezone.now() - timedelta(seconds=1), starts_at=timezone.now() - timedelta(minutes=1)),
        make_deal(total=4),
    )
    people = make_people(8)

    async def work(engine: ClaimEngine):
        look = engine._remember

        async def strike_then_look(line, target, answers):
            if target.pk == doomed.pk:
                await asyncio.to_thread(strike)
            await look(line, target, answers)

        engine._remember = strike_then_look
        ended = [await engine.claim(deal_id=doomed.pk, user_id=user.pk, key=uuid.uuid4()) for user in people[:4]]
        taken = [await engine.claim(deal_id=other.pk, user_id=user.pk, key=uuid.uuid4()) for user in people[4:]]
        return [outcome.code for outcome in ended], [outcome.code for outcome in taken]

    def strike():
        Drop.objects.filter(deal=doomed).delete()
        Deal.objects.filter(pk=doomed.pk).delete()
        connection.close()

    ended, taken = with_engine(work)
    assert ended[0] == Code.ENDED
    assert taken == ["WON"] * 4


def test_a_lost_connection_is_repeated_with_the_same_keys():
    """PostgreSQL drops the engine's connections in mid-burst; everybody still hears the truth, once."""
    deal, people = make_deal(total=30), make_people(PEOPLE)

    async def work(engine: ClaimEngine):
        taps = [asyncio.create_task(engine.claim(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4())) for user in people]
        for _ in range(4):
            await asyncio.to_thread(cut_other_connections)
            await asyncio.sleep(0.01)
        return await asyncio.gather(*taps)

    outcomes: list[ClaimOutcome] = with_engine(work, max_batch=9)
    won = {outcome.claim for outcome in outcomes if outcome.is_won}
    assert len(won) == 30 == sum(outcome.is_won for outcome in outcomes)
    assert won == set(Claim.objects.filter(deal=deal).values_list("public_id", flat=True))
    require_exact(deal)


def test_the_queue_is_bounded(settings):
    settings.CLAIM_QUEUE_MAX = 10
    deal, people = make_deal(total=100), make_people(50)
    outcomes = all_claim(deal, [user.pk for user in people])
    assert sum(outcome.code == Code.RATE_LIMITED for outcome in outcomes) == 40
    assert sum(outcome.is_won for outcome in outcomes) == 10
    require_exact(deal)


def test_a_crowd_at_one_deal_does_not_starve_another():
    """The tap on the second deal comes last and is answered before the crowd is."""
    crowded, quiet = make_deal(total=PEOPLE), make_deal(total=1)
    *crowd, late = make_people(PEOPLE + 1)

    async def work(engine: ClaimEngine):
        taps = [asyncio.create_task(engine.claim(deal_id=crowded.pk, user_id=user.pk, key=uuid.uuid4())) for user in crowd]
        await asyncio.sleep(0)
        assert (await engine.claim(deal_id=quiet.pk, user_id=late.pk, key=uuid.uuid4())).is_won
        answered = sum(tap.done() for tap in taps)
        await asyncio.gather(*taps)
        return answered

    assert with_engine(work, max_batch=5) <= PEOPLE // 2
    require_exact(crowded)
    require_exact(quiet)


def test_a_deal_whose_row_is_locked_keeps_nobody_from_another():
    locked, free = make_deal(total=20), make_deal(total=1)
    *crowd, late = make_people(21)
    release, is_locked = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Deal.objects.select_for_update().get(pk=locked.pk)
            is_locked.set()
            release.wait(20)

    async def work(engine: ClaimEngine):
        taps = []
        for user in crowd:  # one after the other, so that every flusher could be caught by the lock
            taps.append(asyncio.create_task(engine.claim(deal_id=locked.pk, user_id=user.pk, key=uuid.uuid4())))
            await asyncio.sleep(0.02)
        try:
            async with asyncio.timeout(3):
                assert (await engine.claim(deal_id=free.pk, user_id=late.pk, key=uuid.uuid4())).is_won
            assert not any(tap.done() for tap in taps)
        finally:
            release.set()
        return await asyncio.gather(*taps)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(in_threads, [hold])
        assert is_locked.wait(10)
        assert all(outcome.is_won for outcome in with_engine(work))
        held.result()
    require_exact(locked)
    require_exact(free)


def test_the_database_itself_refuses_an_oversold_row():
    deal = make_deal(total=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Deal.objects.filter(pk=deal.pk).update(held=2)


def in_threads(jobs, workers=16):
    def run(job):
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(min(workers, len(jobs))) as pool:
        return list(pool.map(run, jobs))


def give_back(claim_id):
    try:
        with transaction.atomic(durable=True):
            holds.return_in_tx(Claim.objects.select_related("deal").get(public_id=claim_id), "cancelled")
    finally:
        connection.close()


def cut_other_connections():
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = 'liveshop claims'"
            )
    finally:
        connection.close()
