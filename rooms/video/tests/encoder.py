"""Real streams for tests: PyAV encodes a moving picture and a tone, as FLV, as a push to an RTMP address, or as a browser's WebM."""

import array
import io
import math
import random
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import av

RATE = 44_100
FRAME = 1024
CLOCK_LINES = 32
FAINT = bytes(100 + (value & 31) for value in range(256))


@dataclass(frozen=True)
class Source:
    seconds: float = 3
    width: int = 320
    height: int = 180
    fps: int = 15
    keyframes: int = 15
    bframes: int = 0
    video: str = "libx264"
    audio: str = "aac"
    clock: bool = False  # the time of day as 32 blocks of black and white along the upper edge
    kbps: int = 0
    noisy: bool = False  # costs the encoder its whole bitrate
    loud: float = 0.3  # the tone's amplitude


def write(target: Any, source: Source, format: str, **options: Any) -> None:
    """Encode the source into a file object."""
    with av.open(target, "w", format=format, **options) as out:
        push(out, source)


def push(out: Any, source: Source, pace: Callable[[float, float], None] | None = None) -> None:
    """Encode into an open container; `pace(second, began)` may wait before each picture, and end it with StopIteration."""
    video = out.add_stream(source.video, rate=source.fps)
    video.width, video.height, video.pix_fmt = source.width, source.height, "yuv420p"
    video.gop_size = source.keyframes
    video.codec_context.max_b_frames = source.bframes
    video.codec_context.thread_count = 1
    if source.kbps:
        video.bit_rate = source.kbps * 1000
    if source.video == "libx264":
        most = f":vbv-maxrate={source.kbps}:vbv-bufsize={source.kbps // 2}" if source.kbps else ""
        live = ":rc-lookahead=0:sync-lookahead=0" if pace else ""
        video.options = {
            "preset": "ultrafast",
            **({"tune": "zerolatency"} if source.clock else {}),
            "x264-params": f"keyint={source.keyframes}:scenecut=0{live}{most}",
        }
    audio = out.add_stream(source.audio, rate=RATE if source.audio == "aac" else 48_000) if source.audio else None
    if audio is not None:
        audio.layout = "stereo"
    for packet in packets(source, video, audio, pace):
        out.mux(packet)


def packets(source: Source, video: Any, audio: Any, pace: Callable[[float, float], None] | None = None) -> Iterator[Any]:
    """Interleaved packets of the whole source."""
    sounded, began = 0.0, time.monotonic()
    for number in range(int(source.seconds * source.fps)):
        if pace:
            pace(number / source.fps, began)
        frame = picture(source, number)
        yield from video.encode(frame)
        while audio is not None and sounded < (number + 1) / source.fps:
            yield from audio.encode(_tone(audio, sounded, source.loud))
            sounded += (audio.codec_context.frame_size or FRAME) / audio.codec_context.sample_rate
    yield from video.encode(None)
    if audio is not None:
        yield from audio.encode(None)


def picture(source: Source, number: int) -> Any:
    """A bright bar that wanders over a slope of greys."""
    frame = av.VideoFrame(source.width, source.height, "yuv420p")
    slope = bytes((x + number * 4) % 200 for x in range(source.width))
    left = number * 8 % (source.width - 24)
    row = slope[:left] + bytes([250]) * 24 + slope[left + 24 :]
    upper = _clock(source) if source.clock else b""
    for plane, content in zip(frame.planes, (row, bytes([90]) * (source.width // 2), bytes([160]) * (source.width // 2)), strict=True):
        if source.noisy:
            plane.update(random.Random(number).randbytes(plane.buffer_size).translate(FAINT))
            continue
        lines = content.ljust(plane.line_size, b"\0")
        head = CLOCK_LINES if upper and plane.width == source.width else 0
        plane.update(upper.ljust(plane.line_size, b"\0") * head + lines * (plane.height - head))
    frame.pts, frame.time_base = number, Fraction(1, source.fps)
    return frame


def _clock(source: Source) -> bytes:
    now = int(time.time() * 1000) & 0xFFFFFFFF
    block = source.width // 32
    return b"".join(bytes([235 if now >> bit & 1 else 16]) * block for bit in range(31, -1, -1))


def _tone(audio: Any, at: float, loud: float) -> Any:
    rate, count, name = audio.codec_context.sample_rate, audio.codec_context.frame_size or FRAME, audio.codec_context.format.name
    wave = [math.sin((index / rate + at) * 2 * math.pi * 440) * loud for index in range(count)]
    kind, values = ("f", wave) if name.startswith("flt") else ("h", [int(value * 30_000) for value in wave])
    frame = av.AudioFrame(format=name, layout="stereo", samples=count)
    channel = array.array(kind, values)
    both = array.array(kind, [value for value in values for _ in range(2)])
    for plane in frame.planes:
        raw = (channel if name.endswith("p") else both).tobytes()
        plane.update(raw.ljust(plane.buffer_size, b"\0"))
    frame.sample_rate, frame.pts, frame.time_base = rate, round(at * rate), Fraction(1, rate)
    return frame


@cache
def flv(source: Source = Source()) -> bytes:
    """The source as a whole FLV file."""
    target = io.BytesIO()
    write(target, source, "flv")
    return target.getvalue()


def tags(data: bytes) -> Iterator[tuple[bool, int, bytes]]:
    """(is video, timestamp, body) of each media tag."""
    at = 13
    while at + 11 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
        stamp = int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24
        if kind in (8, 9):
            yield kind == 9, stamp, data[at + 11 : at + 11 + size]
        at += 11 + size + 4


def decoded(data: bytes) -> tuple[int, float, int]:
    """(pictures, seconds, samples of sound) that a real decoder gets out of the bytes."""
    pictures, seconds, sound = 0, 0.0, 0
    with av.open(io.BytesIO(data)) as file:
        for frame in file.decode():
            if isinstance(frame, av.VideoFrame):
                pictures += 1
                seconds = max(seconds, float(frame.pts * frame.time_base))
            else:
                sound += frame.samples
    return pictures, seconds, sound


def boxes(data: bytes) -> list[str]:
    """Names of the top-level boxes."""
    found, at = [], 0
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        found.append(data[at + 4 : at + 8].decode())
        at += size
    return found


def main() -> None:
    """`python -m rooms.video.tests.encoder rtmp://… width height fps keyframes seconds kbps`: pushes the clock in real time."""
    url, *numbers = sys.argv[1:]
    width, height, fps, keyframes, seconds, kbps = map(int, numbers)
    source = Source(seconds=seconds, width=width, height=height, fps=fps, keyframes=keyframes, clock=True, kbps=kbps)
    with av.open(url, "w", format="flv", options={"rtmp_live": "live"}) as out:
        push(out, source, lambda at, began: time.sleep(max(0.0, began + at - time.monotonic())))


if __name__ == "__main__":
    main()
