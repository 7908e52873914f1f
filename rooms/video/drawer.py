"""A process of its own that draws stills: init segment and keyframe on stdin, a JPEG on stdout, until stdin ends.

What an encoder sent meets FFmpeg's decoder here, as a camera's recording does in `converter.py`: no database, no secrets, no files to
write, bounded memory. One process draws for all rooms, a few milliseconds a picture; starting one each time would cost thirty times that.
`python -m rooms.video.drawer`. In: two sizes, then init and part. Out: a size, then the JPEG; 0 for what cannot be drawn.
"""

import io
import struct
import sys
from typing import Any

import av
from PIL import Image

from rooms.video.converter import limit

ASKED = struct.Struct(">II")
ANSWER = struct.Struct(">I")
LARGEST = 4 << 20
SIDE = 720
MOST_BYTES = 40_000
QUALITIES = (72, 60, 48, 36, 26)


def main() -> None:
    limit()
    av.logging.set_level(None)
    while head := sys.stdin.buffer.read(ASKED.size):
        sizes = ASKED.unpack(head)
        if sum(sizes) > LARGEST:
            return
        answer(sys.stdin.buffer.read(sum(sizes)))


def answer(media: bytes) -> None:
    try:
        picture = drawn(media)
    except (av.FFmpegError, ValueError, OSError, IndexError, MemoryError):
        picture = b""
    sys.stdout.buffer.write(ANSWER.pack(len(picture)) + picture)
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
