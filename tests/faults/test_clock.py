"""The server's clock jumps, and its log's disk is full: the evening goes on."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from liveshop.threads import in_thread
from rooms import stage
from rooms.models import Room
from tests import cast
from tests.browser.site import Site
from tests.faults.clients import TRUTH_S, Viewer, evening, require_kept, require_truth, until
from tests.scarce import make_deal, make_people
from tests.sockets.raw import UvicornSite

pytestmark = pytest.mark.django_db(transaction=True)

JUMPING = """
import datetime, os, time

_true = time.time

def offset():
    try:
        with open(os.environ["CLOCK_OFFSET"]) as file:
            return float(file.read() or 0)
    except OSError:
        return 0.0

time.time = lambda: _true() + offset()

class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(time.time(), tz)

from django.utils import timezone
timezone.datetime = Jumping
"""


class Clock:
    """The clock of the site's process; the database's stays right."""

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(JUMPING)
        self.file = folder / "offset"
        self.environment = {"PYTHONPATH": str(folder), "CLOCK_OFFSET": str(self.file)}

    def jump(self, seconds: float) -> None:
        self.file.write_text(str(seconds))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    site = Site(tmp_path / "daphne.log", **clock.environment).start()
    yield site
    site.stop()


def test_the_clock_jumps_a_day_ahead_and_a_day_back(site: Site, clock: Clock, room: Room) -> None:
    deal = make_deal(room, total=6)
    items = [cast.make_shelf_item(room) for _ in range(3)]
    viewers = [Viewer(site, room, user) for user in make_people(9)]

    async def work() -> None:
        for nth, seconds in enumerate((0, 86_400, -86_400)):
            clock.jump(seconds)
            await in_thread(stage.pin)(room=room, item=items[nth], by=room.anchor)
            for viewer in viewers[nth * 2 : nth * 2 + 2]:
                # The database's clock judges, so the deal is open still.
                assert (await viewer.ask("claim", deal=deal.public_id))["code"] == "WON"
            await until(lambda: all(viewer.seq == nth + 1 for viewer in viewers), TRUTH_S)  # noqa: B023 - awaited here
            await until(lambda: all(viewer.bars.get(deal.public_id) == [4 - 2 * nth, 2 + 2 * nth, 0, 6] for viewer in viewers), TRUTH_S)  # noqa: B023
            assert all(abs(viewer.now / 1000 - time.time() - seconds) < 60 for viewer in viewers), "each frame tells the clock anew"
        late = Viewer(site, room)
        joining = asyncio.create_task(late.watch())
        await until(lambda: late.codes == [4001], 10)  # a ticket from the future: the page fetches a new one
        joining.cancel()
        clock.jump(0)
        back = Viewer(site, room)
        joining = asyncio.create_task(back.watch())
        await until(lambda: back.joins == 1, 10)
        joining.cancel()
        assert (await viewers[8].ask("claim", deal=deal.public_id))["refused"]["code"] == "SOLD_OUT"

    evening(viewers, work)
    assert len(require_kept(deal, viewers)) == 6
    assert {viewer.joins for viewer in viewers} == {1}, "nobody was thrown out"


class FullLog(UvicornSite):
    """Its log goes to a full disk."""

    def output(self) -> str:
        return "the log cannot be written"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_disk_of_the_log_is_full(form: str, room: Room) -> None:
    site = FullLog(Path("/dev/full"), LOG_LEVEL="DEBUG", LOG_FORMAT=form).start()
    deal = make_deal(room, total=5)
    item = cast.make_shelf_item(room)
    viewers = [Viewer(site, room, user) for user in make_people(8)]

    async def work() -> None:
        await in_thread(stage.pin)(room=room, item=item, by=room.anchor)
        for viewer in viewers:
            assert (await viewer.ask("chat", text="你好"))["ok"]
            await viewer.ask("claim", deal=deal.public_id)
            await viewer.ask("take_coupon", coupon="none")
        await require_truth(viewers, room, deal)

    try:
        evening(viewers, work)
    finally:
        site.stop()
    assert len(require_kept(deal, viewers)) == 5
    assert {viewer.joins for viewer in viewers} == {1}
