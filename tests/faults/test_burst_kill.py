"""kill -9 of the server while a crowd taps: every won claim that a viewer was told of is there, once, and the rest goes out exactly."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.models import Claim
from rooms.models import Room
from tests.browser.site import Site
from tests.faults.clients import Viewer, evening, require_kept, require_truth, until
from tests.scarce import make_deal, make_people, require_exact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
PEOPLE, UNITS, TOLD = 120, 60, 10


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "daphne.log").start()
    yield site
    site.stop()


def test_a_server_killed_in_mid_burst_loses_no_claim_it_told_of(site: Site, room: Room) -> None:
    deal = make_deal(room, total=UNITS)
    viewers = [Viewer(site, room, user) for user in make_people(PEOPLE)]

    def answered() -> int:
        return sum(bool(viewer.replies) for viewer in viewers)

    async def burst() -> int:
        asking = []
        for viewer in viewers:  # some milliseconds apart, so that some are told and some are under way
            asking.append(asyncio.create_task(viewer.ask("claim", deal=deal.public_id)))
            await asyncio.sleep(0.02)
            if answered() >= TOLD and not killed:
                killed.append(answered())
                site.kill()
        assert killed, "nobody was answered before the last one tapped"
        await asyncio.to_thread(site.start)
        await until(lambda: answered() == PEOPLE, 40)
        await asyncio.gather(*asking)
        await require_truth(viewers, room, deal)
        return killed[0]

    killed: list[int] = []
    told = evening(viewers, burst)
    assert TOLD <= told < PEOPLE, "the kill came in the middle"
    won = require_kept(deal, viewers)
    assert len(won) == UNITS, "every unit was told to somebody, before the kill or after"
    assert Claim.objects.filter(deal=deal).count() == UNITS
    codes = {reply.get("code") or reply["refused"]["code"] for viewer in viewers for reply in viewer.replies.values()}
    assert codes == {"WON", "SOLD_OUT"}
    require_exact(deal)
    assert deal.available == 0
