"""PostgreSQL dies or stands still in the middle of an evening: nobody loses what was acknowledged, and all screens are true again."""

import asyncio
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.models import Deal
from liveshop.threads import in_thread
from rooms import stage
from rooms.models import Room
from tests import cast
from tests.browser.site import Site
from tests.faults.clients import Viewer, evening, require_kept, require_truth, until
from tests.faults.conftest import OwnPostgres
from tests.scarce import make_deal, make_people

PEOPLE, UNITS = 40, 25


@pytest.fixture
def room(own_database: OwnPostgres) -> Room:
    return cast.make_room(cast.make_user(is_anchor=True))


@pytest.fixture
def site(own_database: OwnPostgres, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "daphne.log").start()
    yield site
    site.stop()


async def tap_by_and_by(viewers: list[Viewer], deal: Deal, over_s: float) -> None:
    async def tap(viewer: Viewer) -> None:
        await asyncio.sleep(random.uniform(0, over_s))
        await viewer.ask("claim", deal=deal.public_id)

    await asyncio.gather(*[tap(viewer) for viewer in viewers])


def require_all_answered(viewers: list[Viewer], deal: Deal) -> None:
    won = require_kept(deal, viewers)
    assert len(won) == UNITS, "the keys were asked again, so no unit is lost with an answer"
    told = [reply for viewer in viewers for key, reply in viewer.replies.items() if key in viewer.asked]
    assert len(told) == PEOPLE
    assert sorted({reply["refused"]["code"] for reply in told if not reply["ok"]}) == ["SOLD_OUT"]


async def require_live(viewers: list[Viewer], room: Room, *deals: Deal) -> None:
    """What happened meanwhile is shown, and what happens next as well."""
    await require_truth(viewers, room, *deals)
    item = await in_thread(room.shelf_items.first)()
    await in_thread(stage.pin)(room=room, item=item, by=room.anchor)
    await require_truth(viewers, room, *deals)


def test_postgres_is_killed_in_mid_burst(own_database: OwnPostgres, site: Site, room: Room) -> None:
    deal = make_deal(room, total=UNITS)
    viewers = [Viewer(site, room, user) for user in make_people(PEOPLE)]

    async def work() -> None:
        taps = asyncio.create_task(tap_by_and_by(viewers, deal, over_s=2))
        await until(lambda: sum(bool(viewer.replies) for viewer in viewers) >= 8, 10)
        await in_thread(own_database.kill)()
        assert not all(viewer.replies for viewer in viewers), "it died in the middle"
        await asyncio.sleep(1)
        await in_thread(own_database.revive)()
        await taps
        await require_live(viewers, room, deal)

    evening(viewers, work)
    require_all_answered(viewers, deal)
    assert {viewer.joins for viewer in viewers} == {1}, "a dead database costs nobody the connection"


def test_postgres_stands_still_for_ten_seconds(own_database: OwnPostgres, site: Site, room: Room) -> None:
    deal = make_deal(room, total=UNITS)
    viewers = [Viewer(site, room, user) for user in make_people(PEOPLE)]
    late = [Viewer(site, room) for _ in range(20)]

    async def work() -> None:
        taps = asyncio.create_task(tap_by_and_by(viewers, deal, over_s=2))
        await until(lambda: sum(bool(viewer.replies) for viewer in viewers) >= 8, 10)
        own_database.pause()
        stopped = time.monotonic()
        joining = [asyncio.create_task(viewer.watch()) for viewer in late]
        try:
            # Joining asks the database nothing: the newcomers are greeted while it sleeps.
            await until(lambda: all(viewer.joins for viewer in late), 8)
            await asyncio.sleep(max(0.0, 10 - (time.monotonic() - stopped)))
            own_database.resume()
            await taps
            await require_live([*viewers, *late], room, deal)
        finally:
            own_database.resume()
            for task in joining:
                task.cancel()

    evening(viewers, work)
    require_all_answered(viewers, deal)
    assert {viewer.joins for viewer in [*viewers, *late]} == {1}


PATIENCE_S = 2.0


def test_a_database_that_stands_still_for_long_is_said_so_and_nothing_hangs(own_database: OwnPostgres, tmp_path: Path, room: Room) -> None:
    site = Site(tmp_path / "daphne.log", DATABASE_PATIENCE_S=str(PATIENCE_S)).start()
    deal = make_deal(room, total=UNITS)
    viewers = [Viewer(site, room, user) for user in make_people(PEOPLE)]
    talker = viewers[0]

    async def work() -> None:
        keys = [str(uuid.uuid4()) for _ in viewers]
        own_database.pause()
        try:
            began = time.monotonic()
            asked = [viewer.ask("claim", key=key, deal=deal.public_id) for viewer, key in zip(viewers, keys, strict=True)]
            *told, said = await asyncio.gather(*asked, talker.ask("chat", text="有人吗"))
            assert PATIENCE_S * 0.9 < time.monotonic() - began < PATIENCE_S + 6
            for answer in (*told, said):
                assert answer["refused"]["code"] == "UNAVAILABLE"
                assert answer["refused"]["next_step"]
        finally:
            own_database.resume()
        again = await asyncio.gather(
            *[viewer.ask("claim", key=key, deal=deal.public_id) for viewer, key in zip(viewers, keys, strict=True)]
        )
        assert sum(answer["ok"] for answer in again) == UNITS
        assert (await talker.ask("chat", text="又好了"))["ok"]
        await require_live(viewers, room, deal)

    try:
        evening(viewers, work)
        require_all_answered_again(viewers, deal)
    finally:
        site.stop()


def require_all_answered_again(viewers: list[Viewer], deal: Deal) -> None:
    assert len(require_kept(deal, viewers)) == UNITS, "a tap that was given up and repeated is one tap"
    assert {viewer.joins for viewer in viewers} == {1}, "a frozen database costs nobody the connection"
