"""Writes one publisher's recording beside the stream: a slow or full disk costs the recording, never the show."""

import asyncio
import errno
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from liveshop.threads import in_thread
from rooms.models import Show
from rooms.video import recording, replays
from rooms.video.models import Recording, StreamSession
from rooms.video.packager import Init, Output, Part

MAX_WAITING = 300  # parts; a minute
LOOK_PARTS = 50
ROOM_LEFT_BYTES = 1 << 30  # the database shares this disk; a recording must not take its last room
FORGOTTEN = timedelta(minutes=2)
log = structlog.get_logger(__name__)
_disk = ThreadPoolExecutor(max_workers=2, thread_name_prefix="disk")


class Recorder:
    """Takes outputs in order. `trouble` is a reason once it has stopped for good."""

    def __init__(self, session: StreamSession, show: Show) -> None:
        self.session = session
        self.show = show
        self.trouble = ""
        self._waiting: asyncio.Queue[tuple[Output, float] | None] = asyncio.Queue(MAX_WAITING)
        self._writer: recording.Writer | None = None
        self._count = 0
        self._row: Recording | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def add(self, output: Output, wall: float) -> None:
        """Never waits."""
        if self.trouble:
            return
        try:
            self._waiting.put_nowait((output, wall))
        except asyncio.QueueFull:
            self.trouble = "disk_failed"

    async def close(self) -> None:
        """Write what waits, then finish the file and its row."""
        if not self._task.done():
            await self._waiting.put(None)
        await self._task

    async def _run(self) -> None:
        try:
            while (item := await self._waiting.get()) is not None:
                if not self.trouble:
                    await self._write(*item)
        except OSError as failure:
            self.trouble = "disk_full" if failure.errno == errno.ENOSPC else "disk_failed"
            log.error("recording_stopped", room=self.session.room.slug, error=str(failure))
        except Exception:
            self.trouble = "disk_failed"
            log.exception("recording_failed", room=self.session.room.slug)
        finally:
            while self._task is not None and not self._waiting.empty():
                self._waiting.get_nowait()
            await self._finish()

    async def _write(self, output: Output, wall: float) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(output, Init):
            await self._finish()
            name = f"{timezone.now():%Y%m%d-%H%M%S}-{self.session.public_id}-{output.epoch}"
            stem = Path(self.session.room.public_id) / name
            self._writer = await loop.run_in_executor(_disk, recording.Writer, Path(settings.RECORDINGS_ROOT) / stem, output)
            self._row = await in_thread(self._new_row)(f"{stem}.mp4", output)
        elif self._writer is not None and isinstance(output, Part):
            self._count += 1
            await loop.run_in_executor(_disk, _append, self._writer, output, wall, self._count % LOOK_PARTS == 1)

    def _new_row(self, path: str, init: Init) -> Recording:
        video = init.tracks.video
        values = {"path": path, "mime": init.tracks.mime, "width": video.width, "height": video.height}
        return Recording.objects.create(room=self.session.room, show=self.show, session=self.session, **values)

    async def _finish(self) -> None:
        writer, row, self._writer, self._row = self._writer, self._row, None, None
        if writer is None:
            return
        await asyncio.get_running_loop().run_in_executor(_disk, writer.close)
        if row is not None:
            await in_thread(replays.finish)(row, round(writer.duration_ms), writer.size)


def _append(writer: recording.Writer, part: Part, wall: float, looks: bool) -> None:
    if looks and shutil.disk_usage(writer.path.parent).free < ROOM_LEFT_BYTES:
        raise OSError(errno.ENOSPC, "little room is left on the disk")
    writer.add(part, wall)


def finish_all_left() -> int:
    """Recordings that a killed media process left open; returns how many."""
    return _finish_rows(Recording.objects.filter(ended_at=None, removed_at=None))


def finish_forgotten() -> int:
    """Recordings whose stream is over and whose end could not be written then; returns how many."""
    return _finish_rows(Recording.objects.filter(ended_at=None, removed_at=None, session__ended_at__lt=timezone.now() - FORGOTTEN))


def _finish_rows(rows: "QuerySet[Recording]") -> int:
    """The rows learn what the files hold."""
    done = 0
    for row in rows:
        path = Path(settings.RECORDINGS_ROOT) / row.path
        try:
            index = recording.read(path)
        except (OSError, ValueError):
            log.warning("recording_unreadable", path=row.path)
            Recording.objects.filter(pk=row.pk).update(ended_at=timezone.now())
            continue
        replays.finish(row, index.duration_ms, index.size)
        done += 1
    return done
