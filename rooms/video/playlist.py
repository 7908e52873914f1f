"""HLS playlists: the sliding one of a live stream, and byte ranges of recordings for replays and clips. Text only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rooms.video.recording import Entry


@dataclass(frozen=True, slots=True)
class Segment:
    """One finished segment of a live stream."""

    number: int
    epoch: int
    duration_ms: float
    wall: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one recording at `url`."""

    url: str
    init_size: int
    entries: Sequence[Entry]


def live(segments: Sequence[Segment], *, first_epoch: int, is_over: bool = False) -> str:
    """The last segments. Addresses are relative: `i<epoch>.mp4` and `s<number>.m4s`. `first_epoch` counts the stream's beginnings before."""
    longest = max((segment.duration_ms for segment in segments), default=1000)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{max(1, math.ceil(longest / 1000))}"]
    lines.append(f"#EXT-X-MEDIA-SEQUENCE:{segments[0].number if segments else 0}")
    lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{first_epoch}")
    lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    epoch = None
    for segment in segments:
        if segment.epoch != epoch:
            if epoch is not None:
                lines.append("#EXT-X-DISCONTINUITY")
            lines.append(f'#EXT-X-MAP:URI="i{segment.epoch}.mp4"')
            epoch = segment.epoch
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_iso(segment.wall)}")
        lines += [f"#EXTINF:{segment.duration_ms / 1000:.3f},", f"s{segment.number}.m4s"]
    if is_over:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def recorded(pieces: Sequence[Piece], *, is_over: bool = True) -> str:
    """A replay, a clip or what is there of a running show: byte ranges, nothing is copied."""
    grouped = [(piece, _groups(piece.entries)) for piece in pieces if piece.entries]
    longest = max((sum(entry.duration_ms for entry in group) for _, groups in grouped for group in groups), default=1000)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{max(1, math.ceil(longest / 1000))}"]
    lines += [f"#EXT-X-PLAYLIST-TYPE:{'VOD' if is_over else 'EVENT'}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for at, (piece, groups) in enumerate(grouped):
        if at:
            lines.append("#EXT-X-DISCONTINUITY")
        lines.append(f'#EXT-X-MAP:URI="{piece.url}",BYTERANGE="{piece.init_size}@0"')
        for group in groups:
            size = group[-1].offset + group[-1].size - group[0].offset
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_iso(group[0].began)}")
            lines.append(f"#EXTINF:{sum(entry.duration_ms for entry in group) / 1000:.3f},")
            lines += [f"#EXT-X-BYTERANGE:{size}@{group[0].offset}", piece.url]
    if is_over:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _groups(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Parts from keyframe to keyframe."""
    groups: list[list[Entry]] = []
    for entry in entries:
        if entry.is_key or not groups:
            groups.append([])
        groups[-1].append(entry)
    return groups


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
