"""kill -9 of one of two servers that judge one deal from units on loan: all that is left is given out, and not one more."""

import asyncio
from typing import Any

import pytest

from campaigns.models import Claim, Lease
from liveshop.threads import in_thread
from rooms.models import Room
from tests.faults.clients import Viewer, evening, require_kept, require_truth, until
from tests.faults.test_processes import Two, figures, redis, two, with_redis  # noqa: F401 # fixtures
from tests.scarce import make_deal, make_people

UNITS, FLUSHERS = 120, 3
ROUND = 16


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIM_LEASE_UNITS", "2")


@with_redis
@pytest.mark.django_db(transaction=True)
def test_units_lent_to_a_killed_server_are_given_out_all_the_same(small_blocks: None, two: Two, room: Room) -> None:  # noqa: F811
    deal = make_deal(room, total=UNITS)
    viewers: list[Any] = [Viewer(two, room, user) for user in make_people(UNITS + 30)]  # type: ignore[arg-type]

    async def tap(some: list[Viewer]) -> list[dict[str, Any]]:
        return await asyncio.gather(*[viewer.ask("claim", deal=deal.public_id) for viewer in some])

    async def work() -> None:
        await until(lambda: sum(figures(two, "liveshop_sockets")) == len(viewers), 12)
        assert min(figures(two, "liveshop_sockets")) > 20, "both judge"
        asked = 0
        while await in_thread(Lease.objects.filter(deal=deal).count)() <= FLUSHERS and asked < UNITS * 2 // 3:
            assert all(answer["ok"] for answer in await tap(viewers[asked : asked + ROUND]))
            asked += ROUND
        lent = await in_thread(lambda: [lease.granted - lease.taken for lease in Lease.objects.filter(deal=deal)])()
        assert len(lent) > FLUSHERS, "more holders than one server has: each of both holds units"
        assert min(lent) > 0
        killed = two.children[0].process
        assert killed
        rest = asyncio.create_task(tap(viewers[asked:]))
        killed.kill()
        await asyncio.to_thread(killed.wait)
        await until(lambda: sum(bool(viewer.replies) for viewer in viewers) > asked + 10, 10)  # the other one judges alone
        assert "was started again" in (await asyncio.to_thread(two.children[0].watch) or "")
        answers = await rest
        assert {answer["refused"]["code"] for answer in answers if not answer["ok"]} == {"SOLD_OUT"}
        await until(lambda: all(viewer.socket for viewer in viewers), 15)
        await require_truth(viewers, room, deal)

    evening(viewers, work)
    deal.refresh_from_db()
    assert (deal.available, deal.held) == (0, UNITS), "not one fewer"
    assert Claim.objects.filter(deal=deal).count() == UNITS, "not one more"
    assert not Lease.objects.filter(deal=deal).exists()
    assert len(require_kept(deal, viewers)) == UNITS
