"""A process of its own that turns what a browser's MediaRecorder sends into H.264 and AAC units: bytes on stdin, frames on stdout.

Hostile files meet FFmpeg's parsers here, so it has no database, no secrets, no files to write and bounded memory; when it dies, one camera
is lost. `python -m rooms.video.converter webm|mp4 copy|transcode`. A frame: kind, dts and composition shift in ms, size, then the bytes.
"""

import contextlib
import os
import resource
import struct
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.video.frame import PictureType

from rooms.video import h264
from rooms.video.units import BadMedia

FRAME = struct.Struct(">BddI")
VIDEO_CONFIG, KEY, DELTA, AUDIO_CONFIG, AUDIO, FAILED = 1, 2, 3, 4, 5, 9
MEMORY_BYTES = 2 << 30
CPU_S = 12 * 3600
BEHIND = 5
SIDE = 960  # a transcoded picture is no larger
LEAST_GAP_MS = 30
VIDEO_BITS, AUDIO_BITS = 1_500_000, 96_000
AAC_RATE = 48_000
SLIP_MS = 400
OPTIONS = {"analyzeduration": "300000", "probesize": "65536", "protocol_whitelist": "pipe"}


class Refuses(Exception):
    """Why nothing comes, as a reason's code."""


def main() -> None:
    format_name, mode = sys.argv[1:]
    limit()
    av.logging.set_level(None)
    try:
        with av.open(_Stdin(), "r", format={"webm": "matroska", "mp4": "mp4"}[format_name], options=OPTIONS, buffer_size=4096) as file:
            Conversion(file, may_transcode=mode == "transcode").run()
    except Refuses as why:
        put(FAILED, 0, 0, str(why).encode())
    except (av.FFmpegError, BadMedia, ValueError, OverflowError, MemoryError):
        put(FAILED, 0, 0, b"camera_failed")
    except BrokenPipeError:
        os._exit(0)


def limit() -> None:
    """From here on: no new files, no large memory, no core, and never before the streams that only pass through."""
    os.nice(BEHIND)
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


def put(kind: int, dts: float, shift: float, data: bytes) -> None:
    """One frame to the parent."""
    sys.stdout.buffer.write(FRAME.pack(kind, dts, shift, len(data)) + data)
    sys.stdout.buffer.flush()


class _Stdin:
    """What av.open reads from: blocking, not seekable."""

    def read(self, size: int) -> bytes:
        return os.read(0, size)


class Conversion:
    """One recording of a browser, from its header to its end."""

    def __init__(self, file: Any, *, may_transcode: bool) -> None:
        self.file = file
        self.video: Any = next(iter(file.streams.video), None)
        self.audio: Any = next(iter(file.streams.audio), None)
        if self.video is None:
            raise Refuses("no_video")
        if self.video.codec_context is None:  # a codec that nobody knows
            raise Refuses("camera_failed")
        self.copies = self.video.codec_context.name == "h264"
        if not self.copies and (self.video.codec_context.name not in ("vp8", "vp9") or not may_transcode):
            raise Refuses("too_many" if self.video.codec_context.name in ("vp8", "vp9") else f"codec:{self.video.codec_context.name}")
        self.require_size(self.video.codec_context)
        self.extra = bytes(self.video.codec_context.extradata or b"")
        self.avcc = b""
        self.encoder: Any = None
        self.sound: _Aac | None = None
        self.last_ms = -1e9

    def run(self) -> None:
        if self.copies and self.extra[:1] == b"\x01":
            self.configure(self.extra)
        self.prepare_sound()
        for packet in self.file.demux():
            if not packet.size or (packet.pts is None and packet.dts is None):
                continue
            dts = _ms(packet.dts if packet.dts is not None else packet.pts, packet.time_base)
            pts = _ms(packet.pts if packet.pts is not None else packet.dts, packet.time_base)
            if packet.stream is self.video:
                self.copy(packet, dts, pts - dts) if self.copies else self.transcode(packet)
            elif packet.stream is self.audio:
                self.hear(packet, dts)

    def require_size(self, picture: Any) -> None:
        """A picture that the container or a frame tells the size of."""
        if max(picture.width, picture.height) > h264.MAX_SIDE:
            raise Refuses(f"too_large:{picture.width}×{picture.height}")

    def configure(self, avcc: bytes) -> None:
        if avcc and avcc != self.avcc:
            self.avcc = avcc
            put(VIDEO_CONFIG, 0, 0, avcc)

    def copy(self, packet: Any, dts: float, shift: float) -> None:
        data = bytes(packet)
        if self.extra[:1] != b"\x01":  # Annex B is decided by the header, never by looking at a picture
            data, avcc = h264.from_annexb(data)
            self.configure(avcc)
        if data:
            put(KEY if packet.is_keyframe else DELTA, dts, shift, data)

    def transcode(self, packet: Any) -> None:
        try:
            frames = self.video.decode(packet)
        except av.FFmpegError:
            return  # a lost keyframe; the next one helps
        for frame in frames:
            self.require_size(frame)
            at = _ms(frame.pts, frame.time_base)
            if at - self.last_ms < LEAST_GAP_MS:
                continue
            self.last_ms = at
            if self.encoder is None:
                self.encoder = _x264(frame.width, frame.height)
            picture = frame.reformat(self.encoder.width, self.encoder.height, "yuv420p")
            picture.pts, picture.time_base, picture.pict_type = int(at), Fraction(1, 1000), PictureType.NONE
            for out in self.encoder.encode(picture):
                data, avcc = h264.from_annexb(bytes(out))
                self.configure(avcc)
                put(KEY if out.is_keyframe else DELTA, float(out.dts), float(out.pts - out.dts), data)

    def prepare_sound(self) -> None:
        if self.audio is None or self.audio.codec_context is None:
            self.audio = None
            return
        if self.audio.codec_context.name == "aac" and self.audio.codec_context.extradata:
            put(AUDIO_CONFIG, 0, 0, bytes(self.audio.codec_context.extradata))
            return
        self.sound = _Aac()
        put(AUDIO_CONFIG, 0, 0, self.sound.config)

    def hear(self, packet: Any, at: float) -> None:
        if self.sound is None:
            return put(AUDIO, at, 0, bytes(packet))
        try:
            frames = self.audio.decode(packet)
        except av.FFmpegError:
            return None
        for frame in frames:
            for stamp, data in self.sound.encode(frame, at):
                put(AUDIO, stamp, 0, data)
        return None


class _Aac:
    """Whatever sound to AAC, on the clock of the frames that come in."""

    def __init__(self) -> None:
        context: Any = av.CodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format, context.bit_rate = AAC_RATE, "stereo", "fltp", AUDIO_BITS
        context.open()
        self.context = context
        self.config = bytes(context.extradata)
        self.resampler = av.AudioResampler("fltp", "stereo", AAC_RATE, frame_size=1024)
        self.began: float | None = None
        self.count = 0

    def encode(self, frame: Any, at: float) -> Iterator[tuple[float, bytes]]:
        now = at if self.began is None else self.began + self.count * 1024_000 / AAC_RATE
        if self.began is None or abs(now - at) > SLIP_MS:
            self.began, self.count = at, 0
        frame.pts = None
        for piece in self.resampler.resample(frame):
            piece.pts = None
            for packet in self.context.encode(piece):
                yield self.began + self.count * 1024_000 / AAC_RATE, bytes(packet)
                self.count += 1


def _x264(width: int, height: int) -> Any:
    scale = min(1.0, SIDE / max(width, height))
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height = int(width * scale) & ~1, int(height * scale) & ~1
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 1000), Fraction(30, 1)
    context.bit_rate, context.gop_size, context.thread_count = VIDEO_BITS, 30, 1
    context.options = {"preset": "veryfast", "tune": "zerolatency", "profile": "main"}
    context.open()
    return context


def _ms(stamp: int, base: Fraction) -> float:
    return float(stamp * base * 1000)


if __name__ == "__main__":
    main()
