"""Recordings of other servers: real FLV and MP4 files become recordings of ours, once, and nothing else is opened."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from rooms.models import Recording, Room, Show, ShowState, StreamSession
from rooms.video import recording
from rooms.video.external import intake
from rooms.video.external.tests.conftest import Api
from rooms.video.tests import encoder
from rooms.video.tests.encoder import Source

pytestmark = pytest.mark.django_db(transaction=True)
Tell = Callable[..., Any]
SIX = Source(seconds=6)


@pytest.fixture
def folder(settings: Any, tmp_path: Path, api: Api) -> Path:
    """Where the other server records."""
    settings.RECORDINGS_ROOT = tmp_path / "own"
    settings.EXTERNAL_RECORDINGS = str(tmp_path / "theirs")
    (tmp_path / "theirs").mkdir()
    return tmp_path / "theirs"


@pytest.fixture
def session(room: Room, folder: Path) -> StreamSession:
    """A stream of six seconds, from the show's first moment on, that is over."""
    began = timezone.now() - timedelta(seconds=8)
    Show.objects.filter(room=room).update(started_at=began)
    values = {"source": "external", "client": "4", "started_at": began, "ended_at": began + timedelta(seconds=6)}
    return StreamSession.objects.create(room=room, show=room.shows.get(), **values)


def write(path: Path, ended_at: Any, source: Source = SIX, format: str = "flv", **options: Any) -> Path:
    with path.open("wb") as file:
        encoder.write(file, source, format, **options)
    os.utime(path, (ended_at.timestamp(), ended_at.timestamp()))
    return path


def jobs(session: StreamSession) -> list[dict[str, Any]]:
    found = ProcrastinateJob.objects.filter(task_name="rooms.video.tasks.take_recording", args__session=session.public_id)
    return list(found.values_list("args", flat=True))


def test_a_finished_file_is_a_replay_with_our_clock(session: StreamSession, folder: Path, room: Room, tell: Tell, client: Client) -> None:
    path = write(folder / f"{room.public_id}-1795447907.flv", session.ended_at)
    assert tell("record_done", room, 4, path=f"/elsewhere/{path.name}").status_code == 200
    assert jobs(session) == [{"session": session.public_id, "file": f"/elsewhere/{path.name}"}]
    assert intake.take(session, f"/elsewhere/{path.name}") == 1
    row = Recording.objects.get()
    assert (row.width, row.height, row.show, row.session) == (320, 180, session.show, session)
    assert row.duration_ms == pytest.approx(6000, abs=150)
    assert abs((row.began_at - session.started_at).total_seconds()) < 0.3
    file = intake.Path(intake.settings.RECORDINGS_ROOT) / row.path
    assert encoder.decoded(file.read_bytes())[0] == 90
    assert recording.read(file).entries[-1].wall == pytest.approx(session.ended_at.timestamp(), abs=0.3)
    assert row.size == file.stat().st_size
    assert not path.exists(), "it is ours now"
    Show.objects.update(state=ShowState.ENDED, ended_at=timezone.now())
    told = client.get(reverse("replay_film", args=[room.slug, session.show.public_id])).json()
    assert told["duration"] == pytest.approx(6000, abs=150)
    assert client.get(reverse("recording", args=[row.public_id]), headers={"range": "bytes=0-99"}).status_code == 206


def test_the_same_file_twice_is_one_recording(session: StreamSession, folder: Path, room: Room) -> None:
    path = write(folder / "a.flv", session.ended_at)
    copy = path.read_bytes()
    assert intake.take(session, path.name) == 1
    assert intake.take(session, path.name) == 0, "it is gone"
    path.write_bytes(copy)
    assert intake.take(session, path.name) == 0, "it is known"
    assert Recording.objects.count() == 1


def test_a_try_that_died_is_done_again(session: StreamSession, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder / "a.flv", session.ended_at)
    with monkeypatch.context() as patch:
        patch.setattr(Recording.objects, "bulk_create", lambda rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            intake.take(session, path.name)
    assert path.exists()
    assert intake.take(session, path.name) == 1
    assert Recording.objects.count() == 1


def test_the_file_may_come_before_the_end_of_its_stream(session: StreamSession, folder: Path, room: Room, tell: Tell) -> None:
    StreamSession.objects.update(ended_at=None)
    write(folder / "a.flv", session.ended_at)
    tell("record_done", room, 4, path="/rec/a.flv")
    assert len(jobs(session)) == 1
    session.refresh_from_db()
    assert intake.take(session, "a.flv") == 1
    tell("publish_done", room, 4)
    assert StreamSession.objects.get().end_reason == "lost"


def test_only_the_shows_part_is_kept(session: StreamSession, folder: Path) -> None:
    """Two seconds of rehearsal before, one second after the end."""
    Show.objects.update(started_at=session.started_at + timedelta(seconds=2.5), ended_at=session.started_at + timedelta(seconds=5))
    write(folder / "a.flv", session.ended_at)
    session.refresh_from_db()
    assert intake.take(session, "a.flv") == 1
    row = Recording.objects.get()
    assert row.duration_ms == pytest.approx(3000, abs=250), "from the keyframe before"
    assert recording.read(Path(intake.settings.RECORDINGS_ROOT) / row.path).entries[0].is_key


def test_a_rehearsal_is_nobodys_business(session: StreamSession, folder: Path) -> None:
    StreamSession.objects.update(show=None)
    session.refresh_from_db()
    path = write(folder / "a.flv", session.ended_at)
    assert intake.take(session, "a.flv") == 0
    assert not path.exists()
    assert not Recording.objects.exists()


def test_a_fragmented_mp4_is_taken_too(session: StreamSession, folder: Path, room: Room) -> None:
    (folder / room.public_id).mkdir()
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    write(folder / room.public_id / "2026.mp4", session.ended_at, format="mp4", options=options)
    assert intake.take(session, f"/rec/live/{room.public_id}/2026.mp4") == 1
    row = Recording.objects.get()
    assert row.duration_ms == pytest.approx(6000, abs=250)
    assert encoder.decoded((Path(intake.settings.RECORDINGS_ROOT) / row.path).read_bytes())[0] >= 88


def test_a_torn_file_gives_what_it_holds(session: StreamSession, folder: Path) -> None:
    path = write(folder / "a.flv", session.ended_at)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert intake.take(session, "a.flv") == 1
    assert 1500 < Recording.objects.get().duration_ms < 4500


@pytest.mark.parametrize("content", [b"", b"FLV\x01", b"FLV\x01\x05\x00\x00\x00\x09" + bytes(40), os.urandom(5000), b"\x00" * 5000])
@pytest.mark.parametrize("name", ["a.flv", "a.mp4"])
def test_what_is_no_video_makes_no_recording(name: str, content: bytes, session: StreamSession, folder: Path) -> None:
    (folder / name).write_bytes(content)
    assert intake.take(session, name) == 0
    assert not Recording.objects.exists()


@pytest.mark.parametrize(
    "told",
    ["", "/etc/passwd", "../secret.flv", "/x/../secret.flv", "theirs/../../secret.flv", "link.flv", "dir.flv", "none.flv", "a.txt", ".flv"],
)
def test_nothing_outside_of_the_folder_is_opened(told: str, session: StreamSession, folder: Path, room: Room, tell: Tell) -> None:
    secret = write(folder.parent / "secret.flv", session.ended_at)
    (folder / "link.flv").symlink_to(secret)
    (folder / "dir.flv").mkdir()
    (folder / "a.txt").write_bytes(secret.read_bytes())
    assert tell("record_done", room, 4, path=told).status_code == 200
    assert jobs(session) == []
    assert intake.take(session, told) == 0
    assert secret.exists()
    assert not Recording.objects.exists()


def test_the_disks_last_room_is_not_taken(session: StreamSession, folder: Path, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder / f"{room.public_id}-1795447907.flv", session.ended_at)
    monkeypatch.setattr(intake, "ROOM_LEFT_BYTES", 1 << 60)
    with pytest.raises(OSError, match="room"):
        intake.take(session, path.name)
    assert path.exists(), "it is tried again"
    assert not Recording.objects.exists()
    monkeypatch.undo()
    assert intake.take(session, path.name) == 1
