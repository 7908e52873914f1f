"""All server processes are replaced while a show streams: encoder, recording and show notice nothing, viewers come back into the same picture."""

import contextlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from rooms.models import MediaServer, Recording, Room, Show, ShowState
from rooms.video import addresses, keys
from rooms.video import recording as files
from rooms.video.packets import Packet
from rooms.video.tests.conftest import Push, Screen, soon
from rooms.video.tests.encoder import Source
from tests.browser.site import free_port
from tests.browser.site import test_database_url as database_url
from tests.faults.test_run import REPOSITORY, Run, home  # noqa: F401 - a fixture
from tests.sockets.conftest import make_ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]
BACK_S = 8  # how long a viewer may be without new parts; the page's player holds on meanwhile


@pytest.fixture
def run(home: Path) -> Iterator[Run]:  # noqa: F811 - the fixture
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed here: several processes need it")
    options = {"DATABASE_URL": database_url(), "SECRET_KEY": settings.SECRET_KEY, "PACKED_STATIC": "0", "DB_POOL_MAX": "4"}
    run = Run(home, "--processes", "2", RTMP_PORT=str(free_port()), RTMP_BIND="127.0.0.1", **options).await_ready()
    soon(lambda: MediaServer.objects.filter(rtmp_port=run.environment["RTMP_PORT"]).exists(), 30)
    yield run
    run.stop()
    print(run.output())  # shown when the test failed


class Watcher(threading.Thread):
    """A viewer of the room's stream, who comes back when the connection is cut; `parts` are what came, and when."""

    def __init__(self, run: Run, room: Room) -> None:
        super().__init__(daemon=True)
        self.address, self.room = f"ws://127.0.0.1:{run.port}{addresses.live_path(room.public_id)}", room
        self.parts: list[tuple[float, Packet]] = []
        self.joins = 0
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.is_set():
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                self._sit()
            time.sleep(0.2)

    def _sit(self) -> None:
        with connect(
            f"{self.address}?ticket={make_ticket(self.room)}", max_size=None, compression=None, legacy=True, open_timeout=15
        ) as socket:
            self.joins += 1
            screen = Screen(socket)
            while not self.over.is_set():
                screen.take(10)
                self.parts += [(time.monotonic(), packet) for packet in screen.packets if packet.kind == 1]
                screen.packets.clear()

    def sees_more(self) -> bool:
        seen = len(self.parts)
        soon(lambda: len(self.parts) > seen + 5, 30)
        return True

    def longest_wait(self) -> float:
        came = [at for at, _packet in self.parts]
        return max(later - one for one, later in zip(came, came[1:], strict=False))


def live_video(run: Run) -> int:
    [process] = [one for one in run.family() if "livemedia" in _words(one)]
    return process.pid


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def stream(run: Run, key: str) -> Push:
    return Push(f"rtmp://127.0.0.1:{run.environment['RTMP_PORT']}/live/{key}", Source(seconds=150))


def test_replacing_all_servers_does_not_cut_the_stream(run: Run, home: Path, room: Room) -> None:  # noqa: F811
    before, media = {server.pid for server in run.servers()}, live_video(run)
    push = stream(run, keys.make(room=room, by=room.anchor))
    soon(lambda: room.streams.exclude(show=None).exists())
    watcher = Watcher(run, room)
    assert watcher.sees_more()
    subprocess.run([sys.executable, "-m", "liveshop.runner", "--restart"], cwd=REPOSITORY, env=run.environment, check=True)
    soon(lambda: run.output().count("was replaced") >= 3, 60)  # two servers, then the job worker
    assert watcher.sees_more()
    assert not before & {server.pid for server in run.servers()}
    assert live_video(run) == media, "the media process is not the servers'"
    assert (push.error, push.is_alive()) == (None, True)
    assert room.streams.get().ended_at is None, "one connection from first to last"
    assert room.shows.get().state == ShowState.LIVE
    print(f"viewer: joined {watcher.joins} times, at most {watcher.longest_wait():.1f} s without a part")
    assert watcher.joins > 1, "each was on a server that left"
    assert watcher.longest_wait() < BACK_S
    watcher.over.set()
    push.stop()
    row = soon(lambda: Recording.objects.filter(show=room.shows.get(), ended_at__isnull=False).first())
    entries = files.read(home / "recordings" / row.path).entries
    holes = [later.start_ms - one.start_ms - one.duration_ms for one, later in zip(entries, entries[1:], strict=False)]
    assert max(map(abs, holes)) < 2, "nothing is missing in the recording"
    assert Recording.objects.count() == 1


def test_a_restart_of_the_media_process_interrupts_and_the_same_show_goes_on(run: Run, room: Room) -> None:
    key, show = keys.make(room=room, by=room.anchor), room.shows.get()
    stream(run, key)
    soon(lambda: room.streams.exclude(show=None).exists())
    watcher = Watcher(run, room)
    assert watcher.sees_more()
    psutil.Process(live_video(run)).terminate()
    gone = time.monotonic()
    soon(lambda: Show.objects.filter(pk=show.pk, state=ShowState.INTERRUPTED).exists())
    again: list[Push] = []

    def comes_back() -> bool:  # as encoders do: OBS tries again every two seconds
        if not again or again[-1].error:
            again.append(stream(run, key))
        time.sleep(0.5)
        return room.streams.filter(ended_at=None).exclude(show=None).exists()

    soon(comes_back, 30)
    assert watcher.sees_more()
    print(f"media process: the picture was back after {time.monotonic() - gone:.1f} s")
    assert Show.objects.get(room=room).state == ShowState.LIVE, "the same show"
    watcher.over.set()
    again[-1].stop()
