"""Fragmented MP4 (ISO 14496-12, CMAF): an init segment, then fragments of pictures and sound that browsers append as they come."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from rooms.video.units import AudioConfig, BadMedia, VideoConfig

VIDEO_TRACK, AUDIO_TRACK = 1, 2
VIDEO_SCALE = 90_000
MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
DEFAULT_BASE_IS_MOOF = 0x020000
KEY_SAMPLE, DELTA_SAMPLE = 0x02000000, 0x01010000
VIDEO_RUN, AUDIO_RUN = 0xF01, 0x301  # offset, then per sample: duration, size and, for pictures, flags and composition time
MAX_U32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class VideoSample:
    """Times in 1/90,000 s."""

    start: int
    duration: int
    shift: int
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class AudioSample:
    """Times in samples of sound."""

    start: int
    duration: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Tracks:
    """What an init segment describes."""

    video: VideoConfig
    audio: AudioConfig | None

    @property
    def mime(self) -> str:
        """What MediaSource is asked for."""
        names = [self.video.codec, *([self.audio.codec] if self.audio else [])]
        return f'video/mp4; codecs="{",".join(names)}"'


def box(name: bytes, *parts: bytes) -> bytes:
    """A box of these parts."""
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def _full(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def init_segment(tracks: Tracks) -> bytes:
    """ftyp and moov."""
    traks = [_trak(VIDEO_TRACK, b"vide", VIDEO_SCALE, _full(b"vmhd", 0, 1, bytes(8)), _avc1(tracks.video), tracks.video)]
    if tracks.audio:
        traks.append(_trak(AUDIO_TRACK, b"soun", tracks.audio.rate, _full(b"smhd", 0, 0, bytes(4)), _mp4a(tracks.audio), None))
    numbers = [VIDEO_TRACK, *([AUDIO_TRACK] if tracks.audio else [])]
    extends = [_full(b"trex", 0, 0, struct.pack(">5I", number, 1, 0, 0, 0)) for number in numbers]
    head = struct.pack(">4I", 0, 0, 1000, 0) + struct.pack(">IHH2I", 0x10000, 0x100, 0, 0, 0) + MATRIX + bytes(24) + struct.pack(">I", 3)
    moov = box(b"moov", _full(b"mvhd", 0, 0, head), *traks, box(b"mvex", *extends))
    return box(b"ftyp", b"iso6", bytes(4), b"iso6cmfcmp41") + moov


def _trak(number: int, handler: bytes, scale: int, media_header: bytes, entry: bytes, video: VideoConfig | None) -> bytes:
    size = struct.pack(">2I", video.width << 16, video.height << 16) if video else bytes(8)
    layers = struct.pack(">2I4H", 0, 0, 0, 0, 0 if video else 0x100, 0)
    tkhd = _full(b"tkhd", 0, 3, struct.pack(">5I", 0, 0, number, 0, 0), layers, MATRIX, size)
    tables = [_full(b"stsd", 0, 0, struct.pack(">I", 1), entry)]
    tables += [_full(name, 0, 0, bytes(4)) for name in (b"stts", b"stsc", b"stco")] + [_full(b"stsz", 0, 0, bytes(8))]
    data = box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1)))
    mdhd = _full(b"mdhd", 0, 0, struct.pack(">4I2H", 0, 0, scale, 0, 0x55C4, 0))
    hdlr = _full(b"hdlr", 0, 0, bytes(4), handler, bytes(12), b"liveshop\0")
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", media_header, data, box(b"stbl", *tables))))


def _avc1(video: VideoConfig) -> bytes:
    size = struct.pack(">2H", video.width, video.height) + struct.pack(">3I", 0x480000, 0x480000, 0)
    return box(b"avc1", bytes(6), b"\0\1", bytes(16), size, b"\0\1", bytes(32), struct.pack(">2H", 24, 0xFFFF), box(b"avcC", video.avcc))


def _mp4a(audio: AudioConfig) -> bytes:
    specific = _descriptor(5, audio.asc)
    decoder = _descriptor(4, bytes([0x40, 0x15, 0, 0, 0]) + struct.pack(">2I", 128_000, 128_000) + specific)
    esds = _full(b"esds", 0, 0, _descriptor(3, struct.pack(">HB", AUDIO_TRACK, 0) + decoder + _descriptor(6, b"\x02")))
    rate = struct.pack(">I", audio.rate << 16 if audio.rate < 0x10000 else 0)
    return box(b"mp4a", bytes(6), b"\0\1", bytes(8), struct.pack(">4H", min(audio.channels, 2), 16, 0, 0), rate, esds)


def _descriptor(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body


def fragment(number: int, video: list[VideoSample], audio: list[AudioSample]) -> bytes:
    """One moof and its mdat."""
    tracks: list[tuple[int, int, int, int, bytes, bytes]] = []
    if video:
        rows = b"".join(
            struct.pack(">3Ii", one.duration, len(one.data), KEY_SAMPLE if one.is_key else DELTA_SAMPLE, one.shift) for one in video
        )
        tracks.append((VIDEO_TRACK, video[0].start, len(video), VIDEO_RUN, rows, b"".join(one.data for one in video)))
    if audio:
        rows = b"".join(struct.pack(">2I", one.duration, len(one.data)) for one in audio)
        tracks.append((AUDIO_TRACK, audio[0].start, len(audio), AUDIO_RUN, rows, b"".join(one.data for one in audio)))
    size = 8 + 16 + sum(8 + 16 + 20 + 20 + len(rows) for _, _, _, _, rows, _ in tracks)
    at, boxes = size + 8, []
    for track, start, count, flags, rows, data in tracks:
        run = _full(b"trun", 1, flags, struct.pack(">Ii", count, at), rows)
        tfhd = _full(b"tfhd", 0, DEFAULT_BASE_IS_MOOF, struct.pack(">I", track))
        boxes.append(box(b"traf", tfhd, _full(b"tfdt", 1, 0, struct.pack(">Q", start)), run))
        at += len(data)
    moof = box(b"moof", _full(b"mfhd", 0, 0, struct.pack(">I", number & MAX_U32)), *boxes)
    return moof + box(b"mdat", *(data for *_, data in tracks))


@dataclass(frozen=True, slots=True)
class FragmentFacts:
    """What a fragment says of its pictures, in 1/90,000 s."""

    start: int
    duration: int
    is_key: bool


def facts_of(moof: bytes) -> FragmentFacts | None:
    """Reads a moof written by `fragment`; None when it has no pictures. Raises BadMedia for others."""
    for name, traf in _boxes(moof[8:]):
        if name != b"traf":
            continue
        inner = dict(_boxes(traf))
        try:
            track = int.from_bytes(inner[b"tfhd"][4:8], "big")
            if track != VIDEO_TRACK:
                continue
            run = inner[b"trun"]
            count = int.from_bytes(run[4:8], "big")
            rows = [struct.unpack_from(">3Ii", run, 12 + 16 * index) for index in range(count)]
            start = int.from_bytes(inner[b"tfdt"][4:12], "big")
        except (KeyError, struct.error) as wrong:
            raise BadMedia("not a fragment of ours") from wrong
        return FragmentFacts(start, sum(row[0] for row in rows), bool(rows) and rows[0][2] == KEY_SAMPLE)
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            raise BadMedia("box lengths do not fit")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size
