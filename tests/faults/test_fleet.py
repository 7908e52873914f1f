"""Several server processes behind one port are replaced one by one: nobody is refused, no claim is lost, every viewer sees the truth."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from accounts.models import User
from campaigns.models import Claim, Deal
from rooms import stage
from rooms.models import Room
from tests import cast
from tests.browser.site import test_database_url as database_url
from tests.faults.test_run import REPOSITORY, Run, home, wait_for  # noqa: F401 - a fixture
from tests.scarce import make_deal, make_people, require_exact
from tests.sockets.conftest import make_ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
PEOPLE = 24


@pytest.fixture
def run(home: Path) -> Iterator[Run]:  # noqa: F811 - the fixture
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed here: several processes need it")
    options = {
        "DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "PACKED_STATIC": "0",
        "RTMP_PORT": "0",
        "DB_POOL_MAX": "4",
    }
    run = Run(home, "--processes", "2", **options).await_ready()
    yield run
    run.stop()
    print(run.output())  # shown when the test failed


class Person:
    """A viewer's page: joins, taps until it is answered, remembers `seq`, comes back after a cut."""

    def __init__(self, run: Run, room: Room, user: User) -> None:
        self.address = f"ws://127.0.0.1:{run.port}/ws/live/{room.public_id}?ticket={make_ticket(room, user, device=user.public_id)}"
        self.key, self.answer, self.seq, self.joins = str(uuid.uuid4()), {}, 0, 0
        self.deal = ""
        self.heard: list[dict[str, Any]] = []

    async def watch(self) -> None:
        while True:
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError, EOFError):
                async with connect(self.address, open_timeout=20) as socket:
                    self.joins += 1
                    await socket.send(json.dumps({"c": "catch_up", "id": "x", "seq": self.seq, "chat": ""}))
                    await asyncio.gather(self._tap(socket), self._listen(socket))
            await asyncio.sleep(0.2)

    async def _tap(self, socket: Any) -> None:
        while not self.answer:
            if self.deal:
                await socket.send(json.dumps({"c": "claim", "id": self.key, "deal": self.deal}))
            await asyncio.sleep(0.5)

    async def _listen(self, socket: Any) -> None:
        async for text in socket:
            frame = json.loads(text)
            if frame["t"] == "reply" and frame["id"] == self.key:
                self.answer = frame if frame["ok"] else self.answer
                self.heard.append(frame)
            self.seq = max(self.seq, frame.get("seq", 0))


async def knock(run: Run, failures: list[str], count: list[int]) -> None:
    """Ask for the page again and again: none may be refused or cut."""
    while True:
        try:
            await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{run.port}/healthz", timeout=20)
        except OSError as error:
            failures.append(repr(error))
        count[0] += 1
        await asyncio.sleep(0.05)


def test_replacing_all_servers_loses_nothing(run: Run, room: Room) -> None:
    deal: Deal = make_deal(room, total=PEOPLE)
    item = cast.make_shelf_item(room, cast.make_product(shop=deal.sku.product.shop))
    people = [Person(run, room, user) for user in make_people(PEOPLE)]
    failures: list[str] = []
    knocks = [0]
    before = {server.pid for server in run.servers()}
    assert len(before) == 2

    async def evening() -> None:
        tasks = [asyncio.create_task(person.watch()) for person in people]
        tasks.append(asyncio.create_task(knock(run, failures, knocks)))
        await until(lambda: all(person.joins for person in people))
        restarted = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "liveshop.runner", "--restart"], cwd=REPOSITORY, env=run.environment, check=True
        )
        assert restarted.returncode == 0
        for turn, person in enumerate(people):  # they tap all the while
            person.deal = deal.public_id
            await asyncio.sleep(0.1 if turn % 3 else 0.3)
        await until(lambda: run.output().count("was replaced") == 2)
        with contextlib.suppress(TimeoutError):
            await until(lambda: all(person.answer for person in people))
        assert [(person.joins, person.seq, person.heard[-1:]) for person in people if not person.answer] == []
        await asyncio.to_thread(stage.pin, room=room, item=item, by=room.anchor)
        await until(lambda: all(person.joins > 1 for person in people))  # each was on a server that left
        pinned = (await Room.objects.aget(pk=room.pk)).seq
        await until(lambda: all(person.seq >= pinned for person in people), 8)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(evening())
    assert not before & {server.pid for server in run.servers()}
    assert failures == []
    assert knocks[0] > 20
    require_exact(deal)
    assert sorted(person.answer["claim"] for person in people) == sorted(
        Claim.objects.filter(deal=deal).values_list("public_id", flat=True)
    )


def test_a_killed_server_comes_back_while_the_other_serves(run: Run) -> None:
    victim = run.servers()[0]
    victim.kill()
    wait_for(run.answers, 15)  # whom the kernel had given to the victim's socket waits for its successor
    assert run.answers()
    wait_for(lambda: len(run.servers()) == 2 and victim.pid not in {server.pid for server in run.servers()}, 20)
    assert len(run.servers()) == 2


def test_nothing_to_restart_is_said_in_a_line(home: Path) -> None:  # noqa: F811 - the fixture
    home.mkdir(exist_ok=True)
    (home / "run.pid").write_text(str(os.getpid()))  # of a site long gone: the number is somebody else's now
    asked = Run(home, "--restart", PACKED_STATIC="0")
    assert asked.process.wait(30) == 1
    assert "no site runs" in asked.output()


async def until(happened: Any, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 - several processes change what it reads
            await asyncio.sleep(0.05)
