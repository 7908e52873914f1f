"""Covers drawn from video: what is on air, and one keyframe of a recording, kept beside it. Nothing where none is to be had: a poster stands in.

A recording is what an encoder sent: it meets the decoder in `decoder.py`'s own bounded process, one at a time, once for each cover.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import structlog
from asgiref.sync import async_to_sync

from rooms.models import Room
from rooms.video import replays, tier
from rooms.video.decoder import ANSWER, ASKED, LARGEST, MOST_BYTES, PICTURE
from rooms.video.decoding import PATIENCE_S, REPOSITORY, environment
from rooms.video.recording import Entry
from rooms.video.relay import relay
from rooms.video.replays import Film, Reel

WAIT_S = 3.0
PART_OF_SHOW = 10  # where no product was shown: after a tenth, when an anchor has come to the point
log = structlog.get_logger(__name__)
_turn = threading.BoundedSemaphore(1)


def of_stream(room: Room) -> bytes:
    """What is on air in the room now."""
    if room.is_banned or not tier.current().ladder(room.public_id).live:
        return b""
    picture: bytes = async_to_sync(relay.still)(room.public_id)
    return picture


def of_film(film: Film) -> bytes:
    """A show's: when its first product was shown."""
    shown = replays.chapters(film)
    return at_moment(film, shown[0].starts_ms if shown else film.duration_ms // PART_OF_SHOW)


def at_moment(film: Film, starts_ms: int) -> bytes:
    """The keyframe that a clip beginning then begins with."""
    found = _keyframe(film, starts_ms)
    if found is None:
        return b""
    reel, entry = found
    media = replays.file_of(reel.row)
    kept = cover_path(media, entry.offset)
    with suppress(OSError):
        return kept.read_bytes()
    if not _turn.acquire(timeout=WAIT_S):
        return b""  # others are drawn at the moment; the next to ask may have more luck
    try:
        with suppress(OSError):
            return kept.read_bytes()  # it was drawn meanwhile
        picture = _drawn(media, reel.index.init_size, entry)
        if picture is None:
            return b""
        _keep(kept, picture)  # also that there is none to be had, so that nobody draws it again and again
        return picture
    finally:
        _turn.release()


def cover_path(media: Path, offset: int) -> Path:
    """Where the cover of a recording's part is kept."""
    return media.with_name(f"{media.stem}-{offset}.jpg")


def kept_covers(media: Path) -> list[Path]:
    """All covers of a recording."""
    return list(media.parent.glob(f"{media.stem}-*.jpg"))


def _keyframe(film: Film, starts_ms: int) -> tuple[Reel, Entry] | None:
    found = None
    for reel in film.reels:
        for entry in reel.index.entries:
            if entry.is_key and entry.size + reel.index.init_size <= LARGEST and (found is None or reel.at(entry) <= starts_ms):
                found = (reel, entry)
    return found


def _drawn(media: Path, init_size: int, entry: Entry) -> bytes | None:
    """A JPEG; empty for what cannot be drawn; None when that is not known, for lack of time or of the file."""
    try:
        with media.open("rb") as file:
            init = file.read(init_size)
            file.seek(entry.offset)
            part = file.read(entry.size)
        told = subprocess.run(
            [sys.executable, "-m", "rooms.video.decoder"],
            input=ASKED.pack(PICTURE, len(init), len(part)) + init + part,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=REPOSITORY,
            env=environment(),
            timeout=PATIENCE_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as failure:
        log.warning("cover_failed", path=media.name, error=type(failure).__name__)
        return None
    size = ANSWER.unpack_from(told)[0] if len(told) >= ANSWER.size else 0
    picture = told[ANSWER.size :]
    return picture if len(picture) == size <= MOST_BYTES else b""


def _keep(path: Path, picture: bytes) -> None:
    with suppress(OSError):  # a full disk costs the keeping, not the cover
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(picture)
        part.replace(path)
