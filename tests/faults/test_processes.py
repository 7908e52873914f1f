"""Several server processes behind one port: evenly used, replaced one by one under load, and nothing and nobody is lost."""

import asyncio
import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from liveshop import fleet, servers
from liveshop.fleet import CannotServe
from liveshop.threads import in_thread
from rooms import stage
from rooms.models import Room, Show, ShowViewer
from tests import cast
from tests.browser.site import free_port
from tests.browser.site import test_database_url as database_url
from tests.faults.clients import Viewer, evening, require_kept, require_truth, until
from tests.faults.test_redis import Redis
from tests.scarce import make_deal, make_people

REPOSITORY = Path(__file__).resolve().parents[2]
RESTART = 1012
with_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="install redis-server for the tests of several processes")


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    redis = Redis()
    monkeypatch.setenv("REDIS_URL", redis.url)
    yield redis
    redis.process.kill()
    redis.process.wait()


class Two:
    """Two server processes on the test's database, as `bin/run` makes them."""

    def __init__(self, with_uvicorn: bool) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.doors = servers.listen("127.0.0.1", self.port, 2)
        self.children = fleet.build(self.doors, host="127.0.0.1", port=self.port, behind_proxy=False, with_uvicorn=with_uvicorn)
        for child in self.children:
            child.start()
        assert all(child.is_ready(60) for child in self.children)

    def close(self) -> None:
        for child in self.children:
            child.signal(signal.SIGKILL)
            child.wait(10)
        for door in self.doors:
            os.close(door)


@pytest.fixture
def two(redis: Redis, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Two]:
    """The parameter says whether of uvicorn."""
    for name, value in {"DATABASE_URL": database_url(), "DB_POOL_MAX": "5", "LOG_FORMAT": "json"}.items():
        monkeypatch.setenv(name, value)
    two = Two(getattr(request, "param", False))
    yield two
    two.close()


def figures(site: Any, name: str) -> list[float]:
    with urllib.request.urlopen(f"{site.url}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return [float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)]


class Knocker:
    """Opens a new connection for each request, as fast as it can; counts what failed."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.answers, self.failures, self.is_over = 0, [], False  # type: ignore[var-annotated]

    async def knock(self) -> None:
        while not self.is_over:
            try:
                await asyncio.to_thread(self._ask)
                self.answers += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))

    def _ask(self) -> None:
        with urllib.request.urlopen(f"{self.site.url}/healthz", timeout=15) as answer:
            assert answer.status == 200


@with_redis
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("two", [pytest.param(False, id="daphne"), pytest.param(True, id="uvicorn")], indirect=True)
def test_a_restart_one_by_one_loses_nothing_and_nobody(two: Two, room: Room) -> None:
    site = two
    people = make_people(40)
    deal = make_deal(room, total=60)
    items = [cast.make_shelf_item(room, cast.make_product(title=f"第{n}箱苹果")) for n in range(3)]
    viewers: list[Viewer] = [Viewer(site, room, user) for user in people]
    old = [child.process.pid for child in two.children if child.process]
    said: list[str] = []

    async def tap(viewer: Viewer, key: str) -> dict[str, Any]:
        return await viewer.ask("claim", key=key, deal=deal.public_id)

    async def work() -> None:
        await until(lambda: sum(figures(site, "liveshop_sockets")) == len(viewers), 12)
        spread = figures(site, "liveshop_sockets")
        assert len(spread) == 2
        assert min(spread) >= 8, f"of 40 both have their share: {spread}"
        knocker = Knocker(site)
        knocking = asyncio.create_task(knocker.knock())
        rolling = asyncio.create_task(asyncio.to_thread(fleet.replace, two.children, said.append))
        tapping = []
        for number, viewer in enumerate(viewers):  # taps all through the restart, some right at a cut
            tapping.append(asyncio.create_task(tap(viewer, str(uuid.uuid4()))))
            if number in (5, 20, 35):
                await in_thread(stage.pin)(room=room, item=items[number // 15], by=room.anchor)
            await asyncio.sleep(0.12)
        await rolling
        answers = await asyncio.gather(*tapping)
        await until(lambda: all(viewer.socket for viewer in viewers), 15)
        assert all(answer["ok"] for answer in answers), "there were units for all, and every tap got its answer"
        await require_truth(viewers, room, deal)
        knocker.is_over = True
        await knocking
        assert knocker.failures == []
        assert knocker.answers > 50
        await until(lambda: max(figures(site, "liveshop_sockets")) < 40 and sum(figures(site, "liveshop_sockets")) == 40, 12)

    evening(viewers, work)
    assert said == ["the server 1 was replaced", "the server 2 was replaced"]
    assert not set(old) & {child.process.pid for child in two.children if child.process}
    codes = [code for viewer in viewers for code in viewer.codes]
    assert set(codes) == {RESTART}, "nobody was cut off without being told why"
    assert all(1 <= len(viewer.codes) <= 2 for viewer in viewers)
    assert len(require_kept(deal, viewers)) == 40
    show = Show.objects.get(room=room)
    for _ in range(40):  # the meters write every few seconds
        show.refresh_from_db()
        if show.view_count:
            break
        time.sleep(0.2)
    assert show.view_count == 40, "coming back after a restart is no second visit"
    assert ShowViewer.objects.filter(show=show).count() == 40


@with_redis
@pytest.mark.django_db(transaction=True)
def test_a_killed_process_keeps_nobody_out_and_online_counts_all_processes(two: Two, room: Room) -> None:
    site = two
    viewers: list[Viewer] = [Viewer(site, room, device=f"d{n}") for n in range(24)]
    online: list[int] = []

    async def work() -> None:
        await until(lambda: sum(figures(site, "liveshop_sockets")) == 24, 12)
        killed = two.children[0].process
        assert killed
        killed.kill()
        await asyncio.to_thread(killed.wait)
        knocker = Knocker(site)
        knocking = [asyncio.create_task(knocker.knock()) for _ in range(4)]
        told = await asyncio.to_thread(two.children[0].watch)
        assert told == f"the server 1 ended with code {-signal.SIGKILL} and was started again"
        await until(lambda: all(viewer.socket for viewer in viewers), 20)
        knocker.is_over = True
        await asyncio.gather(*knocking)
        assert knocker.failures == [], "who knocked meanwhile waited for the next process"
        await until(lambda: sum(figures(site, "liveshop_sockets")) == 24, 12)
        for viewer in viewers:
            viewer_take = viewer._take
            viewer._take = lambda frame, take=viewer_take: (online.append(frame.get("online", 0)), take(frame))[1]  # type: ignore[method-assign]
        await until(lambda: 24 in online, 15)

    evening(viewers, work)


@pytest.mark.django_db(transaction=True)
class TestRefusals:
    def refusal(self, *arguments: str, **environment: str) -> tuple[int, str]:
        own = {"DATABASE_URL": database_url(), "PORT": str(free_port()), "DEMO": "0", "REDIS_URL": ""} | environment
        command = [sys.executable, "-m", "liveshop.runner", *arguments]
        told = subprocess.run(command, cwd=REPOSITORY, env=os.environ | own, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in told.stdout + told.stderr
        return told.returncode, told.stderr.strip().splitlines()[-1]

    def test_no_redis_at_all(self, tmp_path: Path) -> None:
        code, said = self.refusal("--processes", "2", PATH=str(tmp_path), LIVESHOP_HOME=str(tmp_path))
        assert code == 1
        assert said.startswith("liveshop: REDIS_REQUIRED: ")
        assert "REDIS_URL" in said

    def test_a_redis_that_does_not_answer(self, tmp_path: Path) -> None:
        code, said = self.refusal("--processes", "2", REDIS_URL="redis://:s3cret@127.0.0.1:1/0", LIVESHOP_HOME=str(tmp_path))
        assert (code, said) == (1, "liveshop: REDIS_AWAY: Redis at 127.0.0.1 does not answer (REDIS_URL)")

    def test_more_processes_than_the_database_carries(self) -> None:
        with pytest.raises(CannotServe, match=r"DATABASE_TOO_SMALL: PostgreSQL allows \d+ connections and 900 processes need \d+: raise"):
            fleet.pool_size(database_url(), 900)
        assert 3 <= fleet.pool_size(database_url(), 2) <= 12


@with_redis
@pytest.mark.django_db(transaction=True)
def test_the_runner_restarts_on_sighup_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    own = {"DATABASE_URL": database_url(), "PORT": str(port), "LIVESHOP_HOME": str(tmp_path), "REDIS_URL": "", "RTMP_PORT": "0"}
    environment = os.environ | own | {"DEMO": "0", "PACKED_STATIC": "0", "PYTHONUNBUFFERED": "1", "BIND": "127.0.0.1"}
    log = tmp_path / "run.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "liveshop.runner", "--processes", "2"]
        run = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        wait_for(log, "Ctrl-C stops it")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            assert b'"redis": "ok"' in answer.read()
        run.send_signal(signal.SIGHUP)
        for name in ("server 1", "server 2", "job worker"):
            wait_for(log, f"the {name} was replaced")
        family = psutil.Process(run.pid).children(recursive=True)
        assert len(family) >= 4
        run.send_signal(signal.SIGTERM)
        assert run.wait(40) == 0
        assert [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
        with contextlib.closing(socket.socket()) as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()


def wait_for(log: Path, text: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
