"""Units lent in blocks to several who judge one deal at once: never one too many, never one too few ("not 99")."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts import identity
from campaigns import deals, holds, judging, leases, panels
from campaigns.engine import ClaimEngine
from campaigns.memory import Kind, Target
from campaigns.models import Claim, ClaimState, Deal, DealState, Lease, Waiting
from campaigns.outcomes import Tap, from_row
from catalog.models import Sku
from liveshop.bus import Bus
from liveshop.refusals import Code
from tests.scarce import make_deal, make_people, require_exact

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_blocks(settings):
    settings.CLAIM_LEASE_UNITS = 2


def judge(deal, user_ids, holder):
    """One batch in one holder's name, as a flusher of some process sends it."""
    target = Target(Kind.DEAL, deal.pk)
    taps = [Tap(user_id, uuid.uuid4()) for user_id in user_ids]
    with connection.cursor() as cursor:
        cursor.execute(judging.JUDGE[Kind.DEAL], judging.arguments(target, taps, 0, holder))
        return [from_row(row) for row in cursor.fetchall()]


def won(outcomes):
    return sum(outcome.is_won for outcome in outcomes)


class TestLending:
    def test_a_large_deal_lends_an_eighth_and_the_holder_judges_from_it(self):
        deal, people = make_deal(total=81), [user.pk for user in make_people(5)]
        assert won(judge(deal, people[:1], "one")) == 1
        lease = Lease.objects.get(deal=deal)
        assert (lease.holder, lease.granted, lease.taken) == ("one", 10, 0)
        deal.refresh_from_db()
        assert (deal.available, deal.held, deal.left) == (70, 11, 80)
        assert won(judge(deal, people[1:], "one")) == 4
        lease.refresh_from_db()
        assert lease.taken == 4
        deal.refresh_from_db()
        assert (deal.available, deal.left) == (70, 76), "the deal's own row was left alone"
        require_exact(deal)

    def test_the_page_and_the_bars_count_lent_units_as_left(self):
        deal, people = make_deal(total=81), [user.pk for user in make_people(3)]
        judge(deal, people[:1], "one")
        judge(deal, people[1:], "one")
        assert panels.bars(deal.room_id) == {deal.public_id: [78, 3, 0, 81]}
        with connection.cursor() as cursor:
            cursor.execute(judging.COUNTS[Kind.DEAL], [deal.pk])
            assert list(cursor.fetchone()) == [deal.room_id, deal.public_id, 78, 3, 0, 81]

    @pytest.mark.parametrize("total", [1, 16])
    def test_a_small_deal_is_never_lent(self, total):
        deal = make_deal(total=total)
        judge(deal, [make_people(1)[0].pk], "one")
        assert not Lease.objects.exists()

    def test_units_somebody_waits_for_are_not_lent(self):
        deal, (first, second) = make_deal(total=81), make_people(2)
        Waiting.objects.create(deal=deal, user=first)
        judge(deal, [second.pk], "one")
        assert not Lease.objects.exists()

    def test_a_batch_larger_than_the_lease_takes_it_back_and_gets_a_new_one(self):
        deal, people = make_deal(total=81), [user.pk for user in make_people(21)]
        judge(deal, people[:1], "one")
        assert won(judge(deal, people[1:], "one")) == 20
        assert [(lease.granted, lease.taken) for lease in deal.leases.all()] == [(7, 0)]
        require_exact(deal)


class TestNeverOneTooFew:
    def test_what_a_dead_holder_kept_is_won_by_others(self):
        """A lease of ten and nobody who uses it: the other process still gives out every unit before it says sold out."""
        deal, people = make_deal(total=81), [user.pk for user in make_people(90)]
        judge(deal, people[:1], "dead")
        outcomes = [judge(deal, people[n : n + 1], "alive")[0] for n in range(1, 90)]
        assert won(outcomes) == 80
        assert [outcome.code for outcome in outcomes[80:]] == [Code.SOLD_OUT] * 9
        assert not Lease.objects.exists()
        require_exact(deal)
        assert deal.available == 0

    def test_units_kept_for_the_waitlist_do_not_hide_that_others_are_lent(self):
        deal, people = make_deal(total=81), make_people(90)
        judge(deal, [people[0].pk], "dead")
        for user in people[80:]:
            Waiting.objects.create(deal=deal, user=user, offered_at=timezone.now())
        outcomes = [judge(deal, [user.pk], "alive")[0] for user in people[1:80]]
        assert won(outcomes) == 70
        assert [outcome.code for outcome in outcomes[70:]] == [Code.SOLD_OUT] * 9
        deal.refresh_from_db()
        assert (deal.available, deal.left) == (10, 10), "the ten of the waitlist"
        assert sum(won(judge(deal, [user.pk], "alive")) for user in people[80:]) == 10
        require_exact(deal)

    def test_an_unused_lease_goes_back_by_itself(self):
        deal = make_deal(total=81)
        judge(deal, [make_people(1)[0].pk], "dead")
        assert leases.recall_expired() == 0, "not while it may be used"
        Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert leases.recall_expired() == 10
        deal.refresh_from_db()
        assert (deal.available, deal.held) == (80, 1)
        require_exact(deal)

    def test_sold_out_is_told_by_the_one_who_gave_the_last_unit(self):
        deal, people = make_deal(total=20), [user.pk for user in make_people(20)]
        outcomes = [judge(deal, people[n : n + 1], f"holder{n % 3}")[0] for n in range(20)]
        assert [bool(outcome.facts.get("is_last")) for outcome in outcomes] == [False] * 19 + [True]
        deal.refresh_from_db()
        assert deal.sold_out_at is not None


class TestTheDealMoves:
    @pytest.mark.parametrize(("move", "code"), [(deals.freeze, Code.FROZEN), (deals.end, Code.ENDED)])
    def test_units_are_home_and_no_lease_wins_afterwards(self, move, code, operator):
        deal, people = make_deal(total=81), [user.pk for user in make_people(4)]
        judge(deal, people[:1], "one")
        move(deal=deal, by=operator, reason="test")
        assert not Lease.objects.exists()
        assert [outcome.code for outcome in judge(deal, people[1:], "one")] == [code] * 3
        require_exact(deal)

    def test_a_freeze_waits_for_the_batch_in_flight_and_nothing_is_won_after_it(self, operator):
        deal, people = make_deal(total=4000), make_people(3000)

        async def work(engines):
            taps = [
                asyncio.ensure_future(engines[n % 2].claim(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()))
                for n, user in enumerate(people)
            ]
            await asyncio.wait(taps, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(deals.freeze, deal=deal, by=operator, reason="test")
            frozen_at = timezone.now()
            return await asyncio.gather(*taps), frozen_at

        outcomes, frozen_at = with_engines(work, 2, max_batch=5)
        assert 0 < won(outcomes) < 3000
        assert won(outcomes) == Claim.objects.filter(deal=deal).count()
        assert not Claim.objects.filter(deal=deal, claimed_at__gt=frozen_at).exists()
        assert not Lease.objects.exists()
        require_exact(deal)

    def test_a_deal_that_ends_by_the_clock_gives_lent_units_to_its_goods(self):
        deal, people = make_deal(total=81), [user.pk for user in make_people(3)]
        judge(deal, people[:1], "one")
        Deal.objects.filter(pk=deal.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
        assert [outcome.code for outcome in judge(deal, people[1:2], "one")] == [Code.ENDED]
        assert deals.end_due() == 1
        deal.refresh_from_db()
        assert (deal.state, deal.available, deal.held, deal.total) == (DealState.ENDED, 0, 1, 1)
        require_exact(deal)

    def test_a_deal_that_was_ended_without_its_leases_gives_them_to_its_goods_too(self):
        """As a worker of the version before would, during a rolling update."""
        deal = make_deal(total=81)
        judge(deal, [make_people(1)[0].pk], "one")
        Deal.objects.filter(pk=deal.pk).update(state=DealState.ENDED, available=0, total=11)
        Sku.objects.filter(pk=deal.sku_id).update(stock_held=11, stock_available=120)
        Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert leases.recall_expired() == 10
        deal.refresh_from_db()
        assert (deal.available, deal.held, deal.total) == (0, 1, 1)
        require_exact(deal)

    def test_a_server_of_the_version_before_judges_the_same_deal(self):
        deal, people = make_deal(total=81), [user.pk for user in make_people(2)]
        judge(deal, people[:1], "one")
        with connection.cursor() as cursor:
            before = judging.JUDGE[Kind.DEAL].replace(", %s, %s)", ")").replace("%s, %s, %s)", "%s)")
            taps = [Tap(people[1], uuid.uuid4())]
            cursor.execute(before, judging.arguments(Target(Kind.DEAL, deal.pk), taps, 0, "")[:-2])
            assert from_row(cursor.fetchone()).is_won
        assert not Lease.objects.exists()
        require_exact(deal)

    def test_the_daily_limit_holds_from_a_lease(self):
        deal, people = make_deal(total=81, per_day_limit=1), [user.pk for user in make_people(3)]
        other = make_deal(total=1)
        judge(other, people[1:2], "")
        judge(deal, people[:1], "one")
        assert [outcome.code for outcome in judge(deal, people[1:], "one")] == [Code.LIMIT_PER_USER, "WON"]
        assert Lease.objects.get().taken == 1
        require_exact(deal)

    def test_returned_units_of_lent_claims_are_sold_again(self):
        deal, people = make_deal(total=40), [user.pk for user in make_people(50)]
        judge(deal, people[:1], "one")
        judge(deal, people[1:3], "one")
        Claim.objects.filter(deal=deal).update(expires_at=timezone.now() - timedelta(seconds=1))
        assert holds.expire_due() == 3
        require_exact(deal)
        assert sum(won(judge(deal, [user], "two")) for user in people[3:]) == 40
        require_exact(deal)


class TestSeveralAtOnce:
    def test_four_engines_on_one_deal_give_out_exactly_its_units(self):
        deal, people = make_deal(total=2000), make_people(2300)

        async def work(engines):
            return await asyncio.gather(
                *[engines[n % 4].claim(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()) for n, user in enumerate(people)]
            )

        outcomes = with_engines(work, 4, max_batch=40)
        assert won(outcomes) == 2000
        assert {outcome.code for outcome in outcomes} == {"WON", Code.SOLD_OUT}
        require_exact(deal)
        assert deal.available == 0
        assert Lease.objects.count() == 0

    def test_one_person_at_four_engines_gets_one_unit(self):
        """The claim's own index stops the second holder; that batch is judged again, alone, and everybody in it is answered."""
        deal, people = make_deal(total=2000), make_people(300)

        async def work(engines):
            return await asyncio.gather(
                *[engine.claim(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()) for user in people for engine in engines]
            )

        outcomes = with_engines(work, 4, max_batch=20)
        assert won(outcomes) == 300
        assert sum(outcome.code == Code.ALREADY_CLAIMED for outcome in outcomes) == 900
        require_exact(deal)

    def test_two_accounts_with_one_phone_at_two_engines_are_one_person(self):
        deal, people = make_deal(total=2000), make_people(200)

        async def work(engines):
            taps = [
                engines[n % 2].claim(
                    deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4(), phone_digest=identity.digest("phone", f"+86139{n // 2:08d}")
                )
                for n, user in enumerate(people)
            ]
            return await asyncio.gather(*taps)

        outcomes = with_engines(work, 2, max_batch=10)
        assert won(outcomes) == 100
        assert sum(outcome.code == Code.ALREADY_CLAIMED for outcome in outcomes) == 100
        require_exact(deal)


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    total=st.integers(1, 60),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("judge"), st.integers(0, 2), st.integers(1, 12)),
            st.tuples(st.just("lapse"), st.just(0), st.just(0)),
            st.tuples(st.just("expire"), st.just(0), st.integers(1, 5)),
        ),
        max_size=14,
    ),
)
def test_whatever_happens_the_books_agree_and_nobody_is_refused_a_free_unit(total, steps):
    deal, people = make_deal(total=total), iter(user.pk for user in make_people(200))
    for what, holder, count in steps:
        if what == "judge":
            live = Claim.objects.filter(deal=deal, state=ClaimState.HELD).count()
            outcomes = judge(deal, [next(people) for _ in range(count)], f"holder{holder}")
            assert won(outcomes) == min(count, total - live)
        elif what == "lapse":
            Lease.objects.filter(deal=deal).update(expires_at=timezone.now() - timedelta(seconds=1))
            leases.recall_expired()
        else:
            some = Claim.objects.filter(deal=deal, state=ClaimState.HELD).order_by("pk")[:count].values_list("pk", flat=True)
            Claim.objects.filter(pk__in=list(some)).update(expires_at=timezone.now() - timedelta(seconds=1))
            holds.expire_due()
        require_exact(deal)


def with_engines(work, count, **options):
    """Several engines, each with its own connections and leases, as several processes have them."""

    async def run():
        buses = [Bus() for _ in range(count)]
        engines = [ClaimEngine(listens=listens, **options) for listens in buses]
        try:
            return await work(engines)
        finally:
            for engine, listens in zip(engines, buses, strict=True):
                await engine.stop()
                await listens.stop()

    return asyncio.run(run())
