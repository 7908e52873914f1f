"""MPEG-TS of other media servers, rewritten by the page's own script in Chromium, and what a real decoder makes of it."""

import base64
import io
from typing import Any

import av
import pytest

from rooms.video.tests import encoder
from rooms.video.tests.encoder import Source

CONVERT = """
async (pieces) => {
  const { Transmuxer } = await import("/static/js/video/transmuxer.js");
  const transmuxer = new Transmuxer();
  const parts = [];
  for (const [breaks, text] of pieces) {
    const { init, part } = transmuxer.convert(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)), breaks);
    parts.push([init || new Uint8Array(), part || new Uint8Array()].map((bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))));
  }
  return parts;
}
"""


def transport(source: Source) -> bytes:
    target = io.BytesIO()
    encoder.write(target, source, "mpegts")
    return target.getvalue()


@pytest.fixture
def convert(desktop: Any) -> Any:
    page = desktop()
    page.goto("/")

    def run(*pieces: tuple[bool, bytes]) -> list[tuple[bytes, bytes]]:
        made = page.evaluate(CONVERT, [(breaks, base64.b64encode(data).decode()) for breaks, data in pieces])
        return [(base64.b64decode(init), base64.b64decode(part)) for init, part in made]

    return run


@pytest.mark.parametrize(
    "source",
    [
        Source(seconds=2),
        Source(seconds=2, bframes=2, keyframes=30),
        Source(seconds=2, audio=""),
        Source(seconds=2, width=480, height=270),
        Source(seconds=1, width=1920, height=1080),
    ],
    ids=lambda source: f"{source.width}x{source.height}-b{source.bframes}-{source.audio or 'silent'}",
)
def test_every_picture_and_its_sound_arrive_in_order(convert: Any, source: Source) -> None:
    [(init, part)] = convert((False, transport(source)))
    with av.open(io.BytesIO(init + part)) as file:
        video = file.streams.video[0]
        assert (video.codec_context.width, video.codec_context.height) == (source.width, source.height)
        times = [float(frame.pts * frame.time_base) for frame in file.decode(video)]
    assert len(times) == source.seconds * source.fps
    steps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert all(step == pytest.approx(1 / source.fps, abs=0.002) for step in steps)
    sound = encoder.decoded(init + part)[2]
    assert sound == (0 if not source.audio else pytest.approx(source.seconds * encoder.RATE, abs=4096))


def test_a_stream_that_begins_anew_goes_on_on_the_same_clock(convert: Any) -> None:
    first, other = transport(Source(seconds=2)), transport(Source(seconds=2, width=640, height=360))
    made = convert((False, first), (True, first), (True, other))
    assert [bool(init) for init, _part in made] == [True, False, True], "another size needs another init segment"
    pictures, seconds, _sound = encoder.decoded(made[0][0] + made[0][1] + made[1][1])
    assert pictures == 60
    assert seconds == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize("junk", [b"", b"G" * 188, bytes(376), b"\x47" + bytes(187), b"not a stream at all"])
def test_junk_makes_nothing(convert: Any, junk: bytes) -> None:
    assert convert((False, junk)) == [(b"", b"")]
