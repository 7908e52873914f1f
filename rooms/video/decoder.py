"""A process of its own that draws stills and hears how loud it is: questions on stdin, answers on stdout, until stdin ends.

What an encoder sent meets FFmpeg's decoders here, as a camera's recording does in `converter.py`: no database, no secrets, no files to
write, bounded memory. One process serves all rooms, a few milliseconds a question; starting one each time would cost thirty times that.
`python -m rooms.video.decoder`. In: what is wanted, two sizes, then init segment and parts. Out: a size, then the JPEG of the first
picture, or the loudness as `LOUDNESS`; nothing for what cannot be decoded.
"""

import io
import math
import struct
import sys
from array import array
from typing import Any

import av
from PIL import Image

from rooms.video.converter import limit

ASKED = struct.Struct(">cII")
ANSWER = struct.Struct(">I")
LOUDNESS = struct.Struct(">d")  # dBFS
PICTURE, SOUND = b"P", b"S"
SILENCE_DB = -96.0  # what sixteen bits can tell
HEARD_RATE = 16_000
LARGEST = 4 << 20
SIDE = 720
MOST_BYTES = 40_000
QUALITIES = (72, 60, 48, 36, 26)


def main() -> None:
    limit()
    av.logging.set_level(None)
    while head := sys.stdin.buffer.read(ASKED.size):
        wanted, *sizes = ASKED.unpack(head)
        if sum(sizes) > LARGEST:
            return
        answer(wanted, sys.stdin.buffer.read(sum(sizes)))


def answer(wanted: bytes, media: bytes) -> None:
    try:
        found = heard(media) if wanted == SOUND else drawn(media)
    except (av.FFmpegError, ValueError, OSError, IndexError, MemoryError):
        found = b""
    sys.stdout.buffer.write(ANSWER.pack(len(found)) + found)
    sys.stdout.buffer.flush()


def drawn(media: bytes) -> bytes:
    """The first picture as a JPEG of at most `MOST_BYTES`; nothing when there is none."""
    with av.open(io.BytesIO(media), "r", format="mp4") as file:
        stream: Any = file.streams.video[0]
        if stream.codec_context is None:  # a damaged header names a codec that nobody knows
            return b""
        stream.codec_context.thread_count = 1
        for frame in file.decode(stream):
            part = min(1.0, SIDE / max(frame.width, frame.height))
            return small(frame.to_image(width=round(frame.width * part / 2) * 2, height=round(frame.height * part / 2) * 2))
    return b""


def heard(media: bytes) -> bytes:
    """The mean power of the sound; nothing when there is none."""
    with av.open(io.BytesIO(media), "r", format="mp4") as file:
        stream: Any = file.streams.audio[0]
        if stream.codec_context is None:
            return b""
        resampler = av.AudioResampler("s16", "mono", HEARD_RATE)
        power = count = 0
        for frame in file.decode(stream):
            for piece in resampler.resample(frame):
                samples = array("h", bytes(piece.planes[0])[: 2 * piece.samples])
                power += sum(sample * sample for sample in samples)
                count += len(samples)
    return LOUDNESS.pack(max(SILENCE_DB, 10 * math.log10(power / count / 2**30)) if power else SILENCE_DB) if count else b""


def small(picture: Image.Image) -> bytes:
    """As good as fits."""
    while True:
        for quality in QUALITIES:
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=quality, progressive=True, optimize=True)
            if out.tell() <= MOST_BYTES:
                return out.getvalue()
        picture = picture.resize((max(2, picture.width * 2 // 3), max(2, picture.height * 2 // 3)))


if __name__ == "__main__":
    main()
