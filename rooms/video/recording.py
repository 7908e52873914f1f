"""A recording is one append-only file, init segment and then parts, beside an index of one line a part.

A killed process loses at most the part it was writing: the file plays as it is, and a missing or torn index is read from the file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rooms.video import fmp4
from rooms.video.packager import Init, Part
from rooms.video.units import BadMedia

MAX_MOOF = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One part in the file. `wall` is the server's clock when it was complete, in seconds."""

    start_ms: int
    duration_ms: int
    offset: int
    size: int
    is_key: bool
    wall: float

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.duration_ms

    @property
    def began(self) -> float:
        """The server's clock when the part began."""
        return self.wall - self.duration_ms / 1000


@dataclass(frozen=True, slots=True)
class Index:
    """What a recording holds."""

    mime: str
    init_size: int
    entries: list[Entry] = field(default_factory=list)

    @property
    def duration_ms(self) -> int:
        return self.entries[-1].end_ms - self.entries[0].start_ms if self.entries else 0

    @property
    def size(self) -> int:
        return self.entries[-1].offset + self.entries[-1].size if self.entries else self.init_size


class Writer:
    """Appends to `<stem>.mp4` and `<stem>.jsonl`. Raises OSError when the disk does."""

    def __init__(self, stem: Path, init: Init) -> None:
        stem.parent.mkdir(parents=True, exist_ok=True)
        self.path = stem.with_suffix(".mp4")
        self._media = self.path.open("xb", buffering=0)
        self._lines = index_path(self.path).open("x", encoding="utf-8")
        self._media.write(init.data)
        self.size = len(init.data)
        self.duration_ms = 0.0
        self._line({"mime": init.tracks.mime, "init": len(init.data)})

    def add(self, part: Part, wall: float) -> None:
        """The part first, then its line: a line always has its part."""
        self._media.write(part.data)
        row = [round(part.start_ms), round(part.duration_ms), self.size, len(part.data), int(part.is_key), round(wall, 3)]
        self.size += len(part.data)
        self.duration_ms += part.duration_ms
        self._line(row)

    def close(self) -> None:
        self._media.close()
        self._lines.close()

    def _line(self, values: object) -> None:
        self._lines.write(json.dumps(values, separators=(",", ":")) + "\n")
        self._lines.flush()


def index_path(media: Path) -> Path:
    """Where the index of a recording is."""
    return media.with_suffix(".jsonl")


def read(media: Path) -> Index:
    """What can be played: the index as far as the file bears it out, and parts that the index does not name yet. Raises OSError, BadMedia."""
    return Growing(media).read()


class Growing:
    """A recording that may still be written: each reading takes up the lines that came since the last one."""

    def __init__(self, media: Path) -> None:
        self.media = media
        self._told: Index | None = None
        self._offset = 0

    def read(self) -> Index:
        """As it is now. Raises OSError, BadMedia."""
        size = self.media.stat().st_size
        self._take_lines(size)
        index = Index(self._told.mime, self._told.init_size, [*self._told.entries]) if self._told else Index("", _init_size(self.media))
        last = index.entries[-1].wall if index.entries else self.media.stat().st_mtime
        index.entries.extend(_scan(self.media, index.size, last))
        return index

    def _take_lines(self, size: int) -> None:
        """The index file's new lines, up to the first that is torn or claims more than there is."""
        try:
            with index_path(self.media).open("rb") as file:
                file.seek(self._offset)
                if self._told is None:
                    head = json.loads(line := file.readline())
                    self._told = Index(mime=str(head["mime"]), init_size=int(head["init"]))
                    self._offset += len(line)
                for line in file:
                    entry = _entry(line)
                    if entry is None or entry.offset != self._told.size or entry.offset + entry.size > size:
                        return
                    self._told.entries.append(entry)
                    self._offset += len(line)
        except (OSError, ValueError, KeyError, TypeError):
            return


def between(index: Index, began: float, ended: float) -> list[Entry]:
    """The parts shown between two moments of the server's clock, from the keyframe before the first on."""
    chosen = [at for at, entry in enumerate(index.entries) if entry.wall > began and entry.began < ended]
    if not chosen:
        return []
    first = chosen[0]
    while first > 0 and not index.entries[first].is_key:
        first -= 1
    entries = index.entries[first : chosen[-1] + 1]
    return entries if entries[0].is_key else [entry for at, entry in enumerate(entries) if any(one.is_key for one in entries[: at + 1])]


def _entry(line: bytes) -> Entry | None:
    try:
        start, duration, offset, size, is_key, wall = json.loads(line)
        return Entry(int(start), int(duration), int(offset), int(size), bool(is_key), float(wall))
    except (ValueError, TypeError):
        return None


def _init_size(media: Path) -> int:
    with media.open("rb") as file:
        at = 0
        for wanted in (b"ftyp", b"moov"):
            head = file.read(8)
            size = int.from_bytes(head[:4], "big")
            if head[4:] != wanted or not 8 <= size <= MAX_MOOF:
                raise BadMedia("not a recording of ours")
            at += size
            file.seek(at)
        return at


def _scan(media: Path, offset: int, wall: float) -> Iterator[Entry]:
    """Whole parts from `offset` to the end of the file."""
    size = media.stat().st_size
    with media.open("rb") as file:
        while offset + 16 <= size:
            file.seek(offset)
            head = file.read(8)
            moof_size = int.from_bytes(head[:4], "big")
            if head[4:] != b"moof" or not 8 < moof_size <= MAX_MOOF:
                return
            moof, data = head + file.read(moof_size - 8), file.read(8)
            total = moof_size + int.from_bytes(data[:4], "big")
            if data[4:] != b"mdat" or offset + total > size:
                return
            try:
                facts = fmp4.facts_of(moof)
            except BadMedia:
                return
            if facts:
                duration = round(facts.duration * 1000 / fmp4.VIDEO_SCALE)
                wall += duration / 1000
                yield Entry(round(facts.start * 1000 / fmp4.VIDEO_SCALE), duration, offset, total, facts.is_key, wall)
            offset += total
