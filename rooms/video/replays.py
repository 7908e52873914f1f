"""Replays and clips: the recordings of a show on one timeline, with the products that were shown and what was said. Nothing is copied."""

import threading
import time
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from rooms import events
from rooms.models import ChatLine, ChatState, Pin, Room, Show, ShowState
from rooms.video import recording
from rooms.video.models import Recording
from rooms.video.playlist import Piece
from rooms.video.recording import Entry, Index

SPOKEN_BEFORE_S = 0.3  # a picture reaches the server this long after it was taken
SHORTEST_CLIP_S = 3.0
WRITING_S = 3.0
INDEXES = 32
PAST = (ShowState.ENDED, ShowState.LIVE, ShowState.INTERRUPTED)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reel:
    """One recording on the replay's clock: its first part begins at `starts_ms`."""

    row: Recording
    index: Index
    starts_ms: int

    def at(self, entry: Entry) -> int:
        return self.starts_ms + entry.start_ms - self.index.entries[0].start_ms


@dataclass(frozen=True, slots=True)
class Chapter:
    """A product that was shown, from then to then on the replay's clock."""

    number: int
    pin: Pin
    starts_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Film:
    """All that is left of a show's video, in order."""

    show: Show
    reels: list[Reel]

    @property
    def duration_ms(self) -> int:
        last = self.reels[-1] if self.reels else None
        return last.starts_ms + last.index.duration_ms if last else 0

    def moment(self, wall: datetime) -> int:
        """Where a moment of the show is in the film; the nearest place when nothing was recorded then."""
        seconds = wall.timestamp() - SPOKEN_BEFORE_S
        for reel in self.reels:
            entries = reel.index.entries
            if seconds < entries[-1].wall:
                at = bisect_left(entries, seconds, key=lambda entry: entry.wall)
                inside = max(0, min(round((seconds - entries[at].began) * 1000), entries[at].duration_ms))
                return reel.at(entries[at]) + inside
        return self.duration_ms


def film_of(show: Show) -> Film:
    """The show's recordings that are there and can be read."""
    reels: list[Reel] = []
    starts = 0
    for row in Recording.objects.filter(show=show, removed_at=None).order_by("began_at", "pk"):
        index = _index_of(row)
        if index is None or not index.entries:
            continue
        reels.append(Reel(row, index, starts))
        starts += index.duration_ms
    return Film(show, reels)


def finish(row: Recording, duration_ms: int, size: int) -> None:
    """A recording is complete: pages of a show that is over offer it from now on."""
    with transaction.atomic(durable=True):
        Recording.objects.filter(pk=row.pk).update(ended_at=timezone.now(), duration_ms=duration_ms, size=size)
        events.publish_in_tx(room_id=row.room_id, kind="replay_ready", panels=["stage"])


def may_be_seen(room: Room, show: Show) -> bool:
    """A show the platform cut, and everything of a closed room, is not shown again."""
    return not room.is_banned and show.state in PAST and show.started_at is not None


def has_film(show: Show | None) -> bool:
    """Whether a replay can be offered: for pages, without reading files."""
    return bool(show and show.state == ShowState.ENDED and Recording.objects.filter(show=show, removed_at=None, duration_ms__gt=0).exists())


def can_rewind(show: Show | None) -> bool:
    """Whether a running show has a beginning to go back to."""
    return bool(
        show and show.state in (ShowState.LIVE, ShowState.INTERRUPTED) and Recording.objects.filter(show=show, removed_at=None).exists()
    )


def chapters(film: Film) -> list[Chapter]:
    """What was shown, in order; numbers count the show's pins and are part of a clip's address."""
    found = []
    pins = Pin.objects.filter(show=film.show).select_related("item__product").prefetch_related("item__product__pictures")
    for number, pin in enumerate(pins.order_by("started_at", "pk"), 1):
        starts = film.moment(pin.started_at)
        ends = film.moment(pin.ended_at) if pin.ended_at else film.duration_ms
        if ends - starts >= SHORTEST_CLIP_S * 1000:
            found.append(Chapter(number, pin, starts, ends))
    return found


def pieces(film: Film, address: Any, starts_ms: int = 0, ends_ms: int | None = None) -> list[Piece]:
    """For a playlist: the parts between two moments, from the keyframe before the first on. `address(row)` is a file's address."""
    until = film.duration_ms if ends_ms is None else ends_ms
    found = []
    for reel in film.reels:
        entries = reel.index.entries
        chosen = [at for at, entry in enumerate(entries) if reel.at(entry) + entry.duration_ms > starts_ms and reel.at(entry) < until]
        if not chosen:
            continue
        first = next((at for at in range(chosen[0], -1, -1) if entries[at].is_key), chosen[0])
        found.append(Piece(address(reel.row), reel.index.init_size, entries[first : chosen[-1] + 1]))
    return found


def as_json(film: Film, address: Any, after_ms: int = 0) -> dict[str, Any]:
    """For our own player: keyframe groups `[ms on the replay's clock, duration, offset, size]` of each file; of a running show those that end after."""
    files = []
    for reel in film.reels:
        groups: list[list[int]] = []
        for entry in _from(reel, after_ms):
            if entry.is_key or not groups:
                groups.append([reel.at(entry), 0, entry.offset, 0])
            groups[-1][1] += entry.duration_ms
            groups[-1][3] += entry.size
        groups = [group for group in groups if group[0] + group[1] > after_ms]
        shift = reel.starts_ms - reel.index.entries[0].start_ms
        files.append({"url": address(reel.row), "mime": reel.row.mime, "init": reel.index.init_size, "shift": shift, "groups": groups})
    return {"duration": film.duration_ms, "files": files}


def _from(reel: Reel, after_ms: int) -> list[Entry]:
    """The parts of the groups that end after this moment, and perhaps of one before."""
    entries = reel.index.entries
    first = min(bisect_left(entries, after_ms, key=lambda entry: reel.at(entry) + entry.duration_ms), len(entries) - 1)
    while first > 0 and not entries[first].is_key:
        first -= 1
    return entries[first:]


def talk(film: Film, limit: int = 2000) -> list[tuple[int, ChatLine]]:
    """What was said and not taken back, with its moment in the film."""
    lines = ChatLine.objects.filter(show=film.show, state=ChatState.SHOWN).select_related("user", "room").order_by("pk")[:limit]
    return [(film.moment(line.at), line) for line in lines]


def file_of(row: Recording) -> Path:
    """Where the recording is."""
    return Path(settings.RECORDINGS_ROOT) / row.path


def _index_of(row: Recording) -> Index | None:
    path = file_of(row)
    try:
        size = path.stat().st_size
        return _indexes.of(path, size if row.ended_at else int(time.time() / WRITING_S))
    except (OSError, ValueError):
        log.warning("recording_unreadable", path=row.path)
        return None


class _Indexes:
    """The newest index of the files that were asked for last: read once for each size, and while one is written once in some seconds.

    Many may look back at the same time, and a long show's index is megabytes: nobody reads or keeps it twice.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[int, recording.Growing, Index]] = OrderedDict()
        self._turn = threading.Lock()

    def of(self, path: Path, version: int) -> Index:
        """Raises OSError, BadMedia."""
        with self._turn:
            known = self._kept.get(path)
            if known and known[0] == version:
                self._kept.move_to_end(path)
                return known[2]
            growing = known[1] if known else recording.Growing(path)
            index = growing.read()
            self._kept[path] = (version, growing, index)
            self._kept.move_to_end(path)
            while len(self._kept) > INDEXES:
                self._kept.popitem(last=False)
            return index


_indexes = _Indexes()
