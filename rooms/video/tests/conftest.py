"""A real media process and a real Daphne on the test's database, and encoders that push to it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from websockets.sync.client import ClientConnection, connect, unix_connect

from accounts.models import User
from rooms.models import ChatLine, ChatState, MediaServer, Pin, Recording, Room, Show, ShowState
from rooms.video import addresses, keys, packets, recording
from rooms.video.packager import Init
from rooms.video.packets import Packet
from rooms.video.tests import encoder
from rooms.video.tests.encoder import Source
from rooms.video.tests.test_media import pack, parts, units
from tests import cast
from tests.browser.site import REPOSITORY, Site, free_port, test_database_url
from tests.sockets.conftest import make_ticket

FOREVER = Source(seconds=60)
BEGAN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = 60  # the second recording of `show` begins a minute after the first


class Media:
    """`manage.py livemedia` in its own process and folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.rtmp_port = free_port()
        self.socket = folder / "m.sock"
        self.log = folder / "media.log"
        own = {
            "DATABASE_URL": test_database_url(),
            "LIVESHOP_HOME": str(folder),
            "RECORDINGS_ROOT": str(folder / "recordings"),
            "RTMP_PORT": str(self.rtmp_port),
            "RTMP_BIND": "127.0.0.1",
        }
        self.environment = (
            os.environ | own | {"MEDIA_SERVER": f"unix:{self.socket}", "DB_POOL_MAX": "4", "LOG_FORMAT": "text"} | environment
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Media":
        with self.log.open("ab") as log:
            command = [sys.executable, "manage.py", "livemedia"]
            self.process = subprocess.Popen(command, cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log)
        began = time.time()
        while self.process.poll() is None and time.time() < began + 30:
            if MediaServer.objects.filter(rtmp_port=self.rtmp_port, seen_at__gt=_moment(began)).exists() and self.socket.exists():
                return self
            time.sleep(0.05)
        raise AssertionError(f"the media process did not start:\n{self.output()}")

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(15)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def watch(self, room: Room, **ticket: Any) -> "Screen":
        """A viewer at the media process itself."""
        path = f"ws://media{addresses.live_path(room.public_id)}?ticket={make_ticket(room, **ticket)}"
        return Screen(unix_connect(str(self.socket), path, max_size=None, compression=None, legacy=True))

    def files(self) -> list[Path]:
        return sorted((self.folder / "recordings").rglob("*.mp4"))


class Screen:
    """A viewer's socket: `packet()` and `told()` wait for the next of its kind."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.packets: list[Packet] = []
        self.messages: list[dict[str, Any]] = []

    def take(self, wait_s: float = 10) -> None:
        message = self.socket.recv(timeout=wait_s)
        if isinstance(message, bytes):
            self.packets.append(packets.read(message))
        else:
            self.messages.append(json.loads(message))

    def until(self, wanted: Callable[["Screen"], bool], wait_s: float = 15) -> "Screen":
        deadline = time.monotonic() + wait_s
        while not wanted(self):
            self.take(max(deadline - time.monotonic(), 0.01))
        return self

    def state(self) -> str:
        return str(self.messages[-1]["state"]) if self.messages else ""

    def play(self) -> tuple[int, float, int]:
        """What a decoder makes of what came."""
        return encoder.decoded(b"".join(bytes(packet.media) for packet in self.packets))


class Push(threading.Thread):
    """An encoder: streams in real time until it is done, told to stop, or cut. `error` is what the server made it fail with."""

    def __init__(self, url: str, source: Source = FOREVER, speed: float = 1.0) -> None:
        super().__init__(daemon=True)
        self.url, self.source, self.speed = url, source, speed
        self.error: Exception | None = None
        self._over = threading.Event()
        self.start()

    def stop(self) -> None:
        self._over.set()
        self.join(10)

    def run(self) -> None:
        try:
            with av.open(self.url, "w", format="flv", options={"rtmp_live": "live"}) as out:
                encoder.push(out, self.source, self._pace)
        except StopIteration:
            return
        except Exception as error:  # av raises many kinds for a closed connection
            self.error = error

    def _pace(self, at_s: float, began: float) -> None:
        if self._over.wait(max(0.0, began + at_s / self.speed - time.monotonic())):
            raise StopIteration


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def show(room: Room, settings: Any, tmp_path: Path) -> Show:
    """A show that ended, with two recordings of nine seconds, three pins and some talk."""
    settings.RECORDINGS_ROOT = tmp_path
    show = room.shows.get()
    Show.objects.filter(pk=show.pk).update(state=ShowState.ENDED, started_at=BEGAN, ended_at=BEGAN + timedelta(minutes=2))
    for number, after in enumerate((0, LATER)):
        _record(show, tmp_path, number, BEGAN + timedelta(seconds=after))
    for begin, end in ((1.5, 5.5), (6, 7), (LATER - 20, LATER + 6)):
        item = cast.make_shelf_item(room)
        moments = {"started_at": BEGAN + timedelta(seconds=begin), "ended_at": BEGAN + timedelta(seconds=end)}
        Pin.objects.create(room=room, show=show, item=item, by=room.anchor, **moments)
    for second, text, state in ((2, "多少钱", ChatState.SHOWN), (3, "脏话", ChatState.DELETED), (LATER + 1, "好吃", ChatState.SHOWN)):
        ChatLine.objects.create(room=room, show=show, user=room.anchor, text=text, state=state, at=BEGAN + timedelta(seconds=second))
    show.refresh_from_db()
    return show


def _record(show: Show, folder: Path, number: int, began: datetime) -> None:
    outputs = pack(units(Source(seconds=9)))
    assert isinstance(outputs[0], Init)
    writer = recording.Writer(folder / f"{number}", outputs[0])
    for part in parts(outputs):
        writer.add(part, began.timestamp() + part.end_ms / 1000)
    writer.close()
    values = {"path": f"{number}.mp4", "mime": outputs[0].tracks.mime, "duration_ms": 9000, "size": writer.size, "began_at": began}
    Recording.objects.create(room=show.room, show=show, **values)


@pytest.fixture
def media(transactional_db: None, tmp_path: Path) -> Iterator[Media]:
    process = Media(tmp_path).start()
    yield process
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.stop()
    process.process and process.process.kill()


@pytest.fixture
def site(media: Media) -> Iterator[Site]:
    """Daphne, which relays the video."""
    running = Site(media.folder / "daphne.log", MEDIA_SERVER=f"unix:{media.socket}").start()
    yield running
    running.stop()


@pytest.fixture
def push(media: Media) -> Iterator[Callable[..., Push]]:
    """`push(room)` streams with the room's new key; `push(room, key=…)` with another one."""
    running: list[Push] = []

    def begin(room: Room, *, key: str = "", source: Source = FOREVER, speed: float = 1.0) -> Push:
        key = key or keys.make(room=room, by=User.objects.get(pk=room.anchor_id))
        running.append(Push(f"rtmp://127.0.0.1:{media.rtmp_port}/live/{key}", source, speed))
        return running[-1]

    yield begin
    for one in running:
        one.stop()


def at_site(site: Site, room: Room, **ticket: Any) -> Screen:
    """A viewer behind the site's own address."""
    url = f"{site.url.replace('http', 'ws', 1)}{addresses.live_path(room.public_id)}?ticket={make_ticket(room, **ticket)}"
    return Screen(connect(url, max_size=None, compression=None, legacy=True))


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, b""


def soon(wanted: Callable[[], Any], wait_s: float = 10) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        found = wanted()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
