"""People are counted once, however many windows, rooms or processes they have."""

import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from rooms import presence


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)


def clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that has just started."""
    for name in ("_seen", "_news", "_channels"):
        monkeypatch.setattr(presence, name, defaultdict(dict))
    for name in ("_joined", "_came"):
        monkeypatch.setattr(presence, name, defaultdict(list))
    monkeypatch.setattr(presence, "_shared", {})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_two_windows_are_one_person(clock: list[float]) -> None:
    presence.enter(1, "u:a")
    presence.enter(1, "u:a")
    presence.enter(1, "u:b")
    assert presence.online(1) == 2
    assert presence.take_joined(1) == ["u:a", "u:b"]


@pytest.mark.parametrize(("after_s", "online"), [(59, 1), (61, 0)])
def test_a_silent_page_is_gone_after_a_minute(clock: list[float], after_s: float, online: int) -> None:
    presence.enter(1, "u:a")
    clock[0] += after_s
    assert presence.online(1) == online


@pytest.mark.parametrize(("back_after_s", "views"), [(5, 1), (70, 2)])
def test_coming_back_soon_is_no_second_visit(clock: list[float], back_after_s: float, views: int) -> None:
    presence.enter(1, "u:a")
    presence.leave(1, "u:a")
    clock[0] += back_after_s
    presence.enter(1, "u:a")
    assert len(presence.take_joined(1)) == views


def test_who_left_is_gone_after_ten_seconds(clock: list[float]) -> None:
    presence.enter(1, "u:a")
    presence.leave(1, "u:a")
    clock[0] += presence.AWAY_S + 0.1
    assert presence.online(1) == 0


@pytest.mark.parametrize(("people", "shown"), [(999, 999), (1000, 1000), (1234, 1230)])
def test_big_rooms_are_told_in_tens(clock: list[float], people: int, shown: int) -> None:
    for n in range(people):
        presence.enter(1, f"u:{n}")
    assert presence.online(1) == shown


class TestTogether:
    """Two processes and one Redis; a process here is the module with its memory exchanged."""

    @pytest.fixture
    def redis_process(self, tmp_path: Path, settings: ModuleType) -> Iterator["subprocess.Popen[bytes]"]:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed here")
        path = tmp_path / "r.sock"
        process = subprocess.Popen([program, "--port", "0", "--unixsocket", str(path), "--save", ""], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.02)
        settings.REDIS_URL = f"unix://{path}"
        presence._redis.cache_clear()
        presence._redis_away_until = 0.0
        yield process
        process.kill()
        process.wait()
        presence._redis.cache_clear()
        presence._redis_away_until = 0.0

    def test_one_person_in_two_processes_is_one(self, redis_process: object, monkeypatch: pytest.MonkeyPatch) -> None:
        presence.enter(1, "u:a")
        presence.enter(1, "u:b")
        presence.share()
        assert presence.take_joined(1) == ["u:a", "u:b"]
        clear(monkeypatch)
        presence.enter(1, "u:a")
        presence.enter(1, "u:c")
        presence.share()
        assert presence.take_joined(1) == ["u:c"], "who moves here from another process does not enter again"
        assert presence.online(1) == 3

    def test_alone_without_redis_and_together_again(self, redis_process: "subprocess.Popen[bytes]") -> None:
        redis_process.kill()
        redis_process.wait()
        presence.enter(1, "u:a")
        began = time.monotonic()
        presence.share()
        assert (presence.online(1), presence.take_joined(1)) == (1, ["u:a"])
        assert time.monotonic() - began < 2
