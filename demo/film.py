"""A little film of a shelf's own goods, and how to stream it in a loop as an encoder would. Knows no database.

`python -m demo.film out.mp4 picture…` draws it; no footage of others is needed.
"""

import array
import contextlib
import math
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT, FPS = 540, 960, 20
SCENE_S = 4
RATE = 44_100
BITS = 500_000
CHORD = (196.0, 246.94, 293.66, 392.0)
BACKDROPS = [
    ((255, 178, 96), (120, 44, 24)),
    ((255, 196, 120), (96, 54, 22)),
    ((250, 160, 120), (110, 30, 34)),
    ((236, 196, 128), (70, 60, 28)),
]


class Cut(Exception):
    """The process ends, or somebody else streams."""


def push(address: str, film: Path, stop: threading.Event) -> None:
    """Streams the film again and again in real time. Raises Cut, or what the connection ends with."""
    with av.open(address, "w", format="flv") as out:
        tracks: dict[int, Any] = {}
        began, ends = time.monotonic(), 0.0
        while True:
            with av.open(str(film)) as file:
                for stream in file.streams:
                    if stream.index not in tracks:
                        tracks[stream.index] = out.add_stream_from_template(stream)
                offset = None
                for packet in file.demux():
                    if packet.dts is None:
                        continue
                    at = float(packet.dts * packet.time_base)
                    if offset is None:
                        offset = ends - at  # sound may begin before zero
                    ends = max(ends, offset + at + float((packet.duration or 0) * packet.time_base))
                    if stop.wait(max(0.0, began + offset + at - time.monotonic())):
                        raise Cut
                    shift = round(offset / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = tracks[packet.stream.index]
                    out.mux(packet)


def make(target: str, pictures: list[str]) -> None:
    """Draw and encode the whole film."""
    with av.open(target, "w", options={"movflags": "faststart"}) as out:
        video: Any = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt, video.bit_rate = WIDTH, HEIGHT, "yuv420p", BITS
        video.gop_size = FPS
        video.options = {"preset": "veryfast", "profile": "main", "bf": "0", "x264-params": f"keyint={FPS}:scenecut=0"}
        audio: Any = out.add_stream("aac", rate=RATE)
        audio.layout, audio.bit_rate = "stereo", 64_000
        for number, picture in enumerate(_frames(pictures)):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            for packet in video.encode(frame):
                out.mux(packet)
        for frame in _sound(len(pictures) * SCENE_S):
            for packet in audio.encode(frame):
                out.mux(packet)
        for track in (video, audio):
            for packet in track.encode(None):
                out.mux(packet)


def _frames(pictures: list[str]) -> Iterator[Image.Image]:
    for scene, path in enumerate(pictures):
        goods = Image.open(path).convert("RGBA")
        backdrop = _backdrop(*BACKDROPS[scene % len(BACKDROPS)])
        small = goods.resize((150, 150), Image.Resampling.LANCZOS)
        for number in range(SCENE_S * FPS):
            yield _picture(backdrop.copy(), goods, small, number / FPS)


def _picture(canvas: Image.Image, goods: Image.Image, small: Image.Image, at: float) -> Image.Image:
    """The goods come in, float a little and turn in the light; smaller ones pass in front."""
    arrival = 1 - (1 - min(at / 0.5, 1)) ** 3
    size = int((240 + 80 * arrival + 5 * at) / 2) * 2
    turned = goods.resize((size, size), Image.Resampling.BICUBIC).rotate(math.sin(at * 1.3) * 9, Image.Resampling.BICUBIC, expand=False)
    middle, height = WIDTH // 2, int(345 + math.sin(at * 2.1) * 12)
    canvas.alpha_composite(turned, (middle - size // 2, height - size // 2))
    for place in range(4):
        x = int(-150 + ((place * 230 + at * 34) % (WIDTH + 300)))
        canvas.alpha_composite(small, (max(min(x, WIDTH - 1), 0), 640), (max(-x, 0), 0)) if x > -150 else None
    return canvas.convert("RGB")


def _backdrop(light: tuple[int, int, int], dark: tuple[int, int, int]) -> Image.Image:
    glow = Image.new("L", (WIDTH, HEIGHT), 0)
    ImageDraw.Draw(glow).ellipse((-60, 60, WIDTH + 60, 720), fill=235)
    canvas = Image.composite(
        Image.new("RGB", (WIDTH, HEIGHT), light), Image.new("RGB", (WIDTH, HEIGHT), dark), glow.filter(ImageFilter.GaussianBlur(150))
    )
    table = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    draw = ImageDraw.Draw(table)
    draw.rectangle((0, 690, WIDTH, HEIGHT), fill=(58, 28, 16, 255))
    draw.ellipse((90, 505, WIDTH - 90, 585), fill=(20, 8, 4, 120))
    canvas = canvas.convert("RGBA")
    canvas.alpha_composite(table.filter(ImageFilter.GaussianBlur(14)))
    return canvas


def _sound(seconds: float) -> Iterator[Any]:
    """A soft chord that swells and fades once a scene."""
    total = int(seconds * RATE)
    for begin in range(0, total, 1024):
        samples = array.array("f")
        for index in range(begin, begin + 1024):
            at = index / RATE
            swell = math.sin(math.pi * (at % SCENE_S) / SCENE_S)
            samples.append(0.02 * swell * sum(math.sin(2 * math.pi * tone * at) for tone in CHORD))
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        for plane in frame.planes:
            plane.update(samples.tobytes().ljust(plane.buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = RATE, begin, Fraction(1, RATE)
        yield frame


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        make(sys.argv[1], sys.argv[2:])
