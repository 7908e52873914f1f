"""Redis dies, or hangs, between two server processes: talk goes on by the database, no socket is lost, and Redis is used again when it is back."""

import asyncio
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from liveshop.threads import in_thread
from rooms import stage
from rooms.models import Room
from tests import cast
from tests.browser.site import Site, free_port
from tests.faults.clients import Viewer, evening, require_kept, require_truth, until
from tests.scarce import make_deal, make_people
from tests.sockets.raw import UvicornSite

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="install redis-server for the tests of its death"),
]


class Redis:
    """A server that keeps nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError("redis-server does not start")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def redis() -> Iterator[Redis]:
    redis = Redis()
    yield redis
    redis.kill()


@pytest.fixture
def sites(redis: Redis, tmp_path: Path, transactional_db: None) -> Iterator[list[Site]]:
    sites: list[Site] = [
        Site(tmp_path / "daphne.log", REDIS_URL=redis.url, CHAT_INTERVAL_S="0"),
        UvicornSite(tmp_path / "uvicorn.log", REDIS_URL=redis.url, CHAT_INTERVAL_S="0"),
    ]
    for site in sites:
        site.start()
    yield sites
    for site in sites:
        site.stop()


def times(event: str, sites: list[Site]) -> list[int]:
    return [site.output().count(event) for site in sites]


def page_opens(site: Site, path: str) -> bool:
    with urllib.request.urlopen(f"{site.url}{path}", timeout=20) as answer:
        return bool(answer.status == 200)


def test_redis_dies_and_hangs_between_two_processes(redis: Redis, sites: list[Site], room: Room) -> None:
    deal = make_deal(room, total=6)
    items = [cast.make_shelf_item(room) for _ in range(4)]
    viewers = [Viewer(sites[n % 2], room, user) for n, user in enumerate(make_people(8))]

    async def everybody_hears(speaker: Viewer) -> None:
        line = (await speaker.ask("chat", text="还有货吗"))["line"]
        await until(lambda: all(line in viewer.lines for viewer in viewers), 5)

    async def room_works(nth: int) -> None:
        await in_thread(stage.pin)(room=room, item=items[nth], by=room.anchor)
        assert (await viewers[nth].ask("claim", deal=deal.public_id))["code"] == "WON"
        await everybody_hears(viewers[nth])
        await require_truth(viewers, room, deal)
        for site in sites:
            assert await in_thread(page_opens)(site, f"/live/{room.slug}")
            assert await in_thread(page_opens)(site, "/accounts/login/")

    async def work() -> None:
        await room_works(0)
        await until(lambda: {viewer.online for viewer in viewers} == {len(viewers)}, 15)  # people of both processes
        await in_thread(redis.kill)()
        await room_works(1)
        late = Viewer(sites[0], cast_room)
        joining = asyncio.create_task(late.watch())
        await until(lambda: late.joins == 1, 10)  # a room that this process enters while Redis is away
        await in_thread(redis.start)()
        await until(lambda: times("layer_back", sites) == [1, 1], 15)
        await room_works(2)
        redis.process.send_signal(signal.SIGSTOP)
        await room_works(3)
        await until(lambda: times("layer_away", sites) == [2, 2], 20)
        redis.process.send_signal(signal.SIGCONT)
        await until(lambda: times("layer_back", sites) == [2, 2], 20)
        await everybody_hears(viewers[4])
        assert late.joins == 1
        joining.cancel()

    cast_room = cast.make_room()
    evening(viewers, work)
    assert len(require_kept(deal, viewers)) == 4
    assert {viewer.joins for viewer in viewers} == {1}
