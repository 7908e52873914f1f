"""What no stranger can take more of: a converter's memory, files and secrets; conversions, bytes, hours and disk of a publisher."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from liveshop.threads import in_thread
from rooms.models import Room, ShowState, StreamSession
from rooms.realtime import closes
from rooms.video import broadcast, cameras, converter, decoding, filming, reasons, recorder
from rooms.video.filming import Studio
from rooms.video.models import StreamSource
from rooms.video.station import Station
from rooms.video.tests.encoder import Source
from rooms.video.tests.test_converter import VP8, record
from rooms.video.tests.test_media import units
from tests import cast

# What a process that met hostile bytes tries, once its limits stand.
TRIES = """
import json, os, resource, sys
from rooms.video.converter import limit
before, told = os.nice(0), {}
if sys.argv[2] == "limited":
    limit()
def trying(name, act):
    try:
        act()
        told[name] = "done"
    except Exception as error:
        told[name] = type(error).__name__
def write():
    with open(sys.argv[1], "wb") as file:
        file.write(b"x" * 4096)
trying("file", write)
trying("memory", lambda: bytearray(3 << 30))
trying("descriptors", lambda: told.update(kept=[os.open(os.devnull, os.O_RDONLY) for _ in range(70)]))
told.pop("kept", None)
told |= {"nicer": os.nice(0) - before, "core": resource.getrlimit(resource.RLIMIT_CORE)[1], "knows": sorted(os.environ)}
print(json.dumps(told))
"""
HARMLESS = {"PATH", "PYTHONPATH", "LANG", "LC_CTYPE"}


def tried(file: Path, how: str) -> dict[str, Any]:
    command = [sys.executable, "-c", TRIES, str(file), how]
    told = subprocess.run(command, env=decoding.environment(), cwd=decoding.REPOSITORY, stdout=subprocess.PIPE, timeout=30, check=True)
    return dict(json.loads(told.stdout))


def test_who_meets_strangers_bytes_writes_nothing_hoards_nothing_and_knows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a secret that no child may see")
    told = tried(tmp_path / "a", "limited")
    assert (tmp_path / "a").stat().st_size == 0
    assert (told["file"], told["memory"], told["descriptors"]) == ("OSError", "MemoryError", "OSError")
    assert told["nicer"] == converter.BEHIND
    assert told["core"] == 0
    assert set(told["knows"]) <= HARMLESS
    free = tried(tmp_path / "b", "free")
    assert (free["file"], free["descriptors"], free["nicer"]) == ("done", "done", 0), "it was the limits that said no"


class Camera:
    """A browser at the camera's door: `send` pieces, and read what it was told."""

    def __init__(self, studio: Studio, room: Room, codec: str = "vp8,opus") -> None:
        self.told: list[str] = []
        self.code = 0
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        query = f"ticket={quote(cameras.issue(room))}".encode()
        scope = {"query_string": query, "url_route": {"kwargs": {"room": room.public_id}}, "headers": []}
        self._waiting.put_nowait({"type": "websocket.connect"})
        self._waiting.put_nowait({"type": "websocket.receive", "text": json.dumps({"mime": f"video/webm;codecs={codec}"})})
        self.task = asyncio.create_task(studio.film(scope, self._waiting.get, self._hear))

    async def _hear(self, message: dict[str, Any]) -> None:
        if text := message.get("text"):
            self.told.append(json.loads(text)["why"])
        self.code = message.get("code", self.code)

    def send(self, data: bytes, size: int = 200_000) -> "Camera":
        for at in range(0, len(data), size):
            self._waiting.put_nowait({"type": "websocket.receive", "bytes": data[at : at + size]})
        return self

    async def leave(self) -> None:
        self._waiting.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, 15)

    async def refused(self, why: str) -> None:
        """It was told this and let go."""
        await asyncio.wait_for(self.task, 20)
        with translation.override("zh-hans"):
            assert (self.told, self.code) == ([reasons.sentence(why)], closes.OVER)


def at_work(work: Callable[[Studio], Awaitable[None]]) -> None:
    """With a station of its own, as the media process has one."""

    async def working() -> None:
        station = Station()
        try:
            await work(Studio(station))
        finally:
            await station.stop()

    asyncio.run(working())


async def soon(wanted: Callable[[], Any]) -> Any:
    for _ in range(300):
        if found := await in_thread(wanted)():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")


@cache
def rich(kbps: int = 8000) -> bytes:
    """Two seconds as Chrome records them, of many bytes."""
    return record(Source(seconds=2, width=640, height=360, audio="libopus", noisy=True, kbps=kbps), "matroska")


def session_of(room: Room, **wanted: Any) -> Callable[[], StreamSession | None]:
    return lambda: StreamSession.objects.filter(room=room, **wanted).first()


@pytest.mark.django_db(transaction=True)
def test_one_camera_more_than_may_be_converted_is_refused_and_the_others_go_on(room: Room, settings: Any) -> None:
    settings.STREAM_TRANSCODES_MAX = 1
    second, third = cast.make_room(), cast.make_room()
    data = record(VP8, "webm")

    async def filming_three(studio: Studio) -> None:
        first = Camera(studio, room).send(data)
        await soon(session_of(room, show__isnull=False))
        running = [one for one in psutil.Process().children() if "rooms.video.converter" in one.cmdline()]
        assert [set(one.environ()) - HARMLESS for one in running] == [set()]
        await Camera(studio, second).send(data).refused("too_many")
        assert not first.task.done()
        await soon(session_of(room, ended_at=None))
        await first.leave()
        freed = Camera(studio, third).send(data)
        await soon(session_of(third, show__isnull=False))
        await freed.leave()
        assert (first.told, freed.told) == ([], [])

    at_work(filming_three)
    assert StreamSession.objects.get(room=second).end_reason == "too_many"
    assert StreamSession.objects.get(room=second).show is None


@pytest.mark.django_db(transaction=True)
def test_a_piece_above_a_megabyte_ends_a_camera_and_smaller_ones_do_not(room: Room) -> None:
    assert len(rich()) > filming.MAX_PIECE + 1

    async def filming_both(studio: Studio) -> None:
        await Camera(studio, room, "h264,opus").send(rich(), filming.MAX_PIECE + 1).refused("camera_failed")
        assert not await in_thread(StreamSession.objects.filter(show__isnull=False).exists)()
        fine = Camera(studio, room, "h264,opus").send(rich(), filming.MAX_PIECE)
        await soon(session_of(room, show__isnull=False))
        await fine.leave()
        assert fine.told == []

    at_work(filming_both)


@pytest.mark.django_db(transaction=True)
def test_a_cameras_flood_is_cut_while_it_comes(room: Room, settings: Any) -> None:
    settings.STREAM_KBPS_MAX = 1000  # twice ten seconds of it are 2.5 MB

    async def flooding(studio: Studio) -> None:
        camera = Camera(studio, room, "h264,opus").send(rich()[:1_000_000] + bytes(1_400_000))
        await asyncio.sleep(0.3)
        assert not camera.task.done()
        await camera.send(bytes(200_000)).refused("too_fast:1")

    at_work(flooding)
    assert StreamSession.objects.get().end_reason == "too_fast:1"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("limit", "why"), [(1000, "too_fast:1"), (20_000, "")])
def test_the_mean_of_ten_seconds_may_not_be_above_the_limit(
    room: Room, settings: Any, monkeypatch: pytest.MonkeyPatch, limit: int, why: str
) -> None:
    assert broadcast.RATE_WINDOW_S == 10
    settings.STREAM_KBPS_MAX = limit
    monkeypatch.setattr(broadcast, "MEASURE_S", 0.2)
    monkeypatch.setattr(broadcast, "RATE_WINDOW_S", 1.0)
    data = rich()[:2_300_000]
    assert len(data) > 1_000_000

    async def streaming(studio: Studio) -> None:
        camera = Camera(studio, room, "h264,opus").send(data)
        if why:
            return await camera.refused(why)
        await soon(session_of(room, bitrate_kbps__gt=0))
        await asyncio.sleep(1.5)
        assert not camera.task.done()
        await camera.leave()

    at_work(streaming)
    assert StreamSession.objects.get().end_reason == (why or "camera_closed")


@pytest.mark.django_db(transaction=True)
def test_the_longest_stream_ends_with_its_reason(room: Room, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STREAM_HOURS_MAX = 3 / 3600
    monkeypatch.setattr(broadcast, "MEASURE_S", 0.2)

    async def streaming(studio: Studio) -> None:
        camera = Camera(studio, room).send(record(VP8, "webm"))
        await soon(session_of(room, show__isnull=False))
        assert not camera.task.done()
        await camera.refused("too_long")

    at_work(streaming)
    row = StreamSession.objects.get()
    assert row.end_reason == "too_long"
    assert 2.9 < (row.ended_at - row.started_at).total_seconds() < 6


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_costs_the_recording_and_the_studio_says_so(
    room: Room, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: Client
) -> None:
    settings.RECORDINGS_ROOT = tmp_path
    monkeypatch.setattr(broadcast, "MEASURE_S", 0.2)
    monkeypatch.setattr(recorder, "shutil", SimpleNamespace(disk_usage=lambda path: SimpleNamespace(free=recorder.ROOM_LEFT_BYTES - 1)))
    client.force_login(room.anchor)
    pages: list[str] = []

    async def streaming(studio: Studio) -> None:
        camera = Camera(studio, room).send(record(VP8, "webm"))
        await soon(session_of(room, trouble="disk_full"))
        pages.append((await in_thread(client.get)(reverse("studio", args=[room.slug]))).content.decode())
        assert not camera.task.done(), "the show goes on"
        await camera.leave()
        assert camera.told == []

    at_work(streaming)
    assert "录制停止：磁盘已满" in pages[0]
    assert room.shows.get().state == ShowState.INTERRUPTED, "it was on air until the camera left"
    assert all(path.stat().st_size < 10_000 for path in tmp_path.rglob("*.mp4"))


@pytest.mark.django_db(transaction=True)
def test_tracks_that_change_without_end_are_cut(room: Room) -> None:
    shapes = [units(Source(seconds=0.4, width=width, height=width * 9 // 16, audio="")) for width in (320, 640)]
    whys: list[str] = []

    async def working() -> None:
        station = Station()
        stream = await station.publish(room, StreamSource.ENCODER, whys.append)
        for turn in range(broadcast.MOST_CHANGES):
            assert whys == []
            for unit in shapes[turn % 2]:
                stream.add(unit)
        stream.add(shapes[broadcast.MOST_CHANGES % 2][0])
        await station.stop()

    asyncio.run(working())
    assert whys[:1] == ["damaged"]
