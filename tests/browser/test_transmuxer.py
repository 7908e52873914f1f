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


PLAY = """
async (url) => {
  const { Segments } = await import("/static/js/video/segments.js");
  const seen = { inits: [], parts: 0, pace: 0, failed: false };
  const feed = new Segments(url, {
    init: (mime) => seen.inits.push(mime),
    part: () => (seen.parts += 1),
    pace: (seconds) => (seen.pace = seconds),
    failed: () => (seen.failed = true),
  });
  await new Promise((done) => setTimeout(done, 3500));
  feed.stop();
  return seen;
}
"""


def test_a_playlist_of_playlists_is_followed_and_each_segment_taken_once(desktop: Any) -> None:
    page = desktop()
    page.goto("/")
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
    texts = {
        "index.m3u8": '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1280000,CODECS="avc1.42c01e"\nlow/main.m3u8?session=1\n',
        "low/main.m3u8": f"{head}#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2.000,\n7.ts\n#EXTINF:2.000,\n8.ts\n#EXTINF:1.500,\n9.ts\n",
    }
    asked: list[str] = []

    def answer(route: Any) -> None:
        name = route.request.url.split("/outside/")[1].partition("?")[0]
        asked.append(name)
        route.fulfill(body=texts[name] if name in texts else transport(Source(seconds=2)))

    page.route("**/outside/**", answer)
    seen = page.evaluate(PLAY, "/outside/index.m3u8")
    assert seen == {"inits": seen["inits"], "parts": 2, "pace": 2, "failed": False}
    assert seen["inits"] == [seen["inits"][0]]
    assert seen["inits"][0].startswith('video/mp4; codecs="avc1.')
    assert seen["inits"][0].endswith(',mp4a.40.2"')
    assert [name for name in asked if name.endswith(".ts")] == ["low/8.ts", "low/9.ts"], "the last two, once"
