"""Takes over what an external media server recorded: its FLV or MP4 file becomes a recording like those of our own media process."""

import errno
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from rooms import events
from rooms.models import Show
from rooms.video import aac, flv, h264, recording
from rooms.video.converter import AUDIO, AUDIO_CONFIG, DELTA, FAILED, FRAME, KEY, VIDEO_CONFIG
from rooms.video.external.calls import Call
from rooms.video.models import Recording, StreamSession, StreamSource
from rooms.video.packager import Init, Output, Packager, Part
from rooms.video.recorder import ROOM_LEFT_BYTES
from rooms.video.units import AudioUnit, BadMedia, Unit, VideoUnit

REPOSITORY = Path(__file__).resolve().parents[3]
READS = {".flv", ".mp4"}
TAG = struct.Struct(">B3s3sB3s")
LARGEST_UNIT = 8 << 20
log = structlog.get_logger(__name__)


def announce(call: Call) -> bool:
    """The server finished a file: a job takes it over. False for a file or a stream that we do not know."""
    from rooms.video.tasks import take_recording  # jobs import this module

    found = StreamSession.objects.filter(room__public_id=call.stream, source=StreamSource.EXTERNAL)
    session = (found.filter(client=call.client) if call.client else found).order_by("-started_at").first()
    path = _path_of(call.file)
    if session is None or path is None:
        log.warning("recording_not_known", stream=call.stream, file=call.file[-80:])
        return False
    take_recording.configure(lock=f"rooms.recording:{path.name}").defer(session=session.public_id, file=call.file)
    return True


def take(session: StreamSession, told: str) -> int:
    """Write the file's part of the show into a recording of ours, then remove it; returns how many recordings that made.

    May be done again: what was written before is known by its name. Raises OSError when the disk does.
    """
    path = _path_of(told)
    if path is None:
        return 0
    show = session.show
    stem = f"{session.public_id}-{sha256(path.name.encode()).hexdigest()[:12]}"
    if show is None or show.is_demo or Recording.objects.filter(path__contains=stem).exists():
        _remove(path)  # a rehearsal is nobody's business; the rest is here already
        return 0
    rows = _write(path, session, show, stem)
    if rows:
        with transaction.atomic(durable=True):
            Recording.objects.bulk_create(rows)
            events.publish_in_tx(room_id=session.room_id, kind="replay_ready", panels=["stage"])
        log.info("recording_taken_over", room=session.room.slug, files=len(rows))
        _remove(path)
    return len(rows)


def _path_of(told: str) -> Path | None:
    """The file below EXTERNAL_RECORDINGS: its name counts, the folder is as we see it. Nothing else on this machine is ever opened."""
    name = told.replace("\\", "/").rpartition("/")[2]
    if not settings.EXTERNAL_RECORDINGS or Path(name).suffix.lower() not in READS:
        return None
    root = Path(settings.EXTERNAL_RECORDINGS).resolve()
    for path in (root / name, root / Path(told).parent.name / name):
        if path.is_file() and not path.is_symlink() and root in path.resolve().parents:
            return path
    return None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        log.warning("recording_not_removed", file=path.name, why=problem.strerror)


class _Shelf:
    """The recordings that one file becomes: a new one begins where its tracks change."""

    def __init__(self, session: StreamSession, show: Show, stem: str) -> None:
        self.session, self.show, self.stem = session, show, stem
        self.rows: list[Recording] = []
        self._writer: recording.Writer | None = None
        self._init: Init | None = None
        self._wall = 0.0

    def begin(self, init: Init) -> None:
        self.end()
        self._init = init

    def add(self, part: Part, wall: float) -> None:
        if self._writer is None:
            assert self._init
            stem = Path(self.session.room.public_id) / f"{self.stem}-{self._init.epoch}"
            file = Path(settings.RECORDINGS_ROOT) / stem
            file.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(file.parent).free < ROOM_LEFT_BYTES:
                raise OSError(errno.ENOSPC, "little room is left on the disk")  # tried again later; the server's own file stays
            for left in (file.with_suffix(".mp4"), file.with_suffix(".jsonl")):
                left.unlink(missing_ok=True)  # of a try that died: no row names it
            self._writer = recording.Writer(file, self._init)
            self.rows.append(self._row(f"{stem}.mp4", wall - part.duration_ms / 1000))
        self._writer.add(part, wall)
        self._wall = wall

    def end(self) -> None:
        if self._writer:
            self._writer.close()
            row = self.rows[-1]
            row.duration_ms, row.size = round(self._writer.duration_ms), self._writer.size
            row.ended_at = datetime.fromtimestamp(self._wall, UTC)
        self._writer = self._init = None

    def _row(self, path: str, began: float) -> Recording:
        assert self._init
        video = self._init.tracks.video
        figures = {"mime": self._init.tracks.mime, "width": video.width, "height": video.height}
        at = datetime.fromtimestamp(began, UTC)
        return Recording(room=self.session.room, show=self.show, session=self.session, path=path, began_at=at, **figures)


def _write(path: Path, session: StreamSession, show: Show, stem: str) -> list[Recording]:
    """From the keyframe before the show's beginning to its end."""
    began = _began(path, session)
    starts = show.started_at.timestamp() if show.started_at else 0.0
    ends = show.ended_at.timestamp() if show.ended_at else float("inf")
    shelf, before = _Shelf(session, show, stem), list[tuple[Part, float]]()
    for output in _outputs(path):
        if isinstance(output, Init):
            shelf.begin(output)
            before = []
            continue
        wall = began + output.end_ms / 1000
        if wall - output.duration_ms / 1000 > ends:
            break
        if wall < starts:
            before = [*([] if output.is_key else before), (output, wall)]
            continue
        for part, at in [*before, (output, wall)]:
            shelf.add(part, at)
        before = []
    shelf.end()
    return shelf.rows


def _began(path: Path, session: StreamSession) -> float:
    """When the file's first picture was taken, by our clock: it was last written when its last one came."""
    length = max((output.end_ms for output in _outputs(path) if isinstance(output, Part)), default=0) / 1000
    latest = (session.ended_at or timezone.now()) + timedelta(seconds=5)
    guess = path.stat().st_mtime - length
    is_likely = session.started_at.timestamp() - 2 <= guess <= latest.timestamp()
    return guess if is_likely else session.started_at.timestamp()  # a copied file has another date


def _outputs(path: Path) -> Iterator[Output]:
    """Init segments and parts of the file; a damaged end costs the end."""
    packager = Packager()
    packager.expect_sound()
    try:
        for unit in _flv_units(path) if path.suffix.lower() == ".flv" else _mp4_units(path):
            yield from packager.add(unit)
    except BadMedia as wrong:
        log.warning("recording_damaged", file=path.name, why=str(wrong))
    yield from packager.flush()


def _flv_units(path: Path) -> Iterator[Unit]:
    with path.open("rb") as file:
        head = file.read(9)
        if head[:3] != b"FLV":
            raise BadMedia("no FLV file")
        file.seek(int.from_bytes(head[5:9], "big") + 4)
        while len(head := file.read(TAG.size)) == TAG.size:
            kind, size, low, high, _stream = TAG.unpack(head)
            body = file.read(int.from_bytes(size, "big"))
            at = int.from_bytes(low, "big") | high << 24
            if len(file.read(4)) < 4:
                return
            unit = (flv.read_video if kind == 9 else flv.read_audio)(at, body) if kind in (8, 9) else None
            if unit is not None:
                yield unit


def _mp4_units(path: Path) -> Iterator[Unit]:
    """FFmpeg's parser meets the file in a process of its own, as a camera's recording does."""
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "rooms.video.converter", "mp4", "copy"]
    with path.open("rb") as file, subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, cwd=REPOSITORY, env=environment) as child:  # noqa: S603
        assert child.stdout
        try:
            while len(head := child.stdout.read(FRAME.size)) == FRAME.size:
                kind, dts, shift, size = FRAME.unpack(head)
                data = child.stdout.read(size) if size <= LARGEST_UNIT else b""
                if kind == FAILED or len(data) < size:
                    raise BadMedia(data.decode("ascii", "replace"))
                if unit := _unit(kind, dts, shift, data):
                    yield unit
        finally:
            child.kill()


def _unit(kind: int, dts: float, shift: float, data: bytes) -> Unit | None:
    if kind == VIDEO_CONFIG:
        return h264.config_of(data)
    if kind == AUDIO_CONFIG:
        return aac.config_of(data)
    if kind in (KEY, DELTA):
        return VideoUnit(dts, shift, h264.is_key(data), data)
    return AudioUnit(dts, data) if kind == AUDIO else None
