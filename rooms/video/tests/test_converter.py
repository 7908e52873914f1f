"""The converter as the process it is: what a browser may send, and what somebody hostile may."""

import io
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms.video import aac, h264
from rooms.video.converter import AUDIO, AUDIO_CONFIG, DELTA, FAILED, FRAME, KEY, VIDEO_CONFIG
from rooms.video.filming import REPOSITORY
from rooms.video.packager import Packager
from rooms.video.tests import encoder
from rooms.video.tests.encoder import Source
from rooms.video.units import AudioUnit, Unit, VideoUnit

WEBM_H264 = Source(seconds=2, audio="libopus")
MP4 = Source(seconds=2)
VP8 = Source(seconds=2, video="libvpx", audio="libopus")


def record(source: Source, format: str) -> bytes:
    target = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if format == "mp4" else {}
    encoder.write(target, source, format, options=options)
    return target.getvalue()


def convert(data: bytes, format: str = "webm", mode: str = "copy", wait_s: float = 20) -> list[tuple[int, float, float, bytes]]:
    command = [sys.executable, "-m", "rooms.video.converter", format, mode]
    told = subprocess.run(
        command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY, timeout=wait_s, check=False
    ).stdout
    frames, at = [], 0
    while at + FRAME.size <= len(told):
        kind, dts, shift, size = FRAME.unpack_from(told, at)
        frames.append((kind, dts, shift, told[at + FRAME.size : at + FRAME.size + size]))
        at += FRAME.size + size
    assert at == len(told)
    return frames


def play(frames: list[tuple[int, float, float, bytes]]) -> tuple[int, float, int]:
    """What viewers would see of it."""
    packager, out = Packager(), []
    packager.expect_sound()
    for kind, dts, shift, data in frames:
        unit: Unit
        if kind == VIDEO_CONFIG:
            unit = h264.config_of(data)
        elif kind == AUDIO_CONFIG:
            unit = aac.config_of(data)
        elif kind == AUDIO:
            unit = AudioUnit(dts, data)
        else:
            assert kind in (KEY, DELTA), (kind, data)
            unit = VideoUnit(dts, shift, h264.is_key(data), data)
        out += packager.add(unit)
    out += packager.flush()
    return encoder.decoded(b"".join(output.data for output in out))


@pytest.mark.parametrize(
    ("source", "format", "mode"),
    [(WEBM_H264, "matroska", "copy"), (MP4, "mp4", "copy"), (VP8, "webm", "transcode")],
    ids=["Chrome", "Safari", "Firefox"],
)
def test_what_a_browser_records_becomes_h264_and_aac(source: Source, format: str, mode: str) -> None:
    pictures, seconds, sound = play(convert(record(source, format), "mp4" if format == "mp4" else "webm", mode))
    assert 27 <= pictures <= 30
    assert seconds == pytest.approx(2, abs=0.2)
    assert sound == pytest.approx(2 * (encoder.RATE if format == "mp4" else 48_000), rel=0.1)


def test_vp8_is_refused_where_nothing_may_be_converted() -> None:
    assert convert(record(VP8, "webm"), "webm", "copy") == [(FAILED, 0, 0, b"too_many")]


@pytest.mark.parametrize(
    "data", [b"", b"garbage" * 1000, b"\x1a\x45\xdf\xa3" + b"\xff" * 5000, b"#EXTM3U\nfile:///etc/passwd\n", bytes(100_000)]
)
def test_nonsense_is_answered_with_one_failure(data: bytes) -> None:
    for format in ("webm", "mp4"):
        assert [(kind, text) for kind, _, _, text in convert(data, format)] == [(FAILED, b"camera_failed")]


def test_a_recording_that_breaks_off_is_used_up_to_there() -> None:
    data = record(WEBM_H264, "matroska")
    frames = convert(data[: len(data) // 2])
    assert sum(kind in (KEY, DELTA) for kind, *_ in frames) > 8


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_recording_ends_in_time_and_says_nothing_false(draw: st.DataObject) -> None:
    data = bytearray(record(WEBM_H264, "matroska"))
    for _ in range(draw.draw(st.integers(1, 30))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    for kind, _, _, content in convert(bytes(data)):
        assert kind in (VIDEO_CONFIG, KEY, DELTA, AUDIO_CONFIG, AUDIO, FAILED)
        assert len(content) < 4 << 20
