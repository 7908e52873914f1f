"""Stills: drawn from real keyframes by a bounded process, small, of what is on air alone, and once for all who ask."""

import asyncio
import io
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from rooms import stage
from rooms.models import Room
from rooms.video import addresses, decoder, decoding, packets, stills
from rooms.video.channel import Channel
from rooms.video.packager import Init
from rooms.video.tests.conftest import Media, Push, get, soon
from rooms.video.tests.encoder import Source
from rooms.video.tests.test_media import pack, parts, units
from tests import cast
from tests.browser.site import Site

Pushes = Callable[..., Push]


def channel_of(source: Source, state: str = "air") -> Channel:
    outputs = pack(units(source))
    channel = Channel("room")
    channel.set_state(state)
    for output in outputs:
        channel.push(packets.of_init(output, 0) if isinstance(output, Init) else packets.of_part(output, 0, 0))
    return channel


def draw(*channels: Channel, before: Callable[[decoding.Decoder], Any] = lambda one: None) -> list[bytes]:
    async def drawing() -> list[bytes]:
        one = decoding.Decoder()
        found = []
        for channel in channels:
            wanted = stills.newest(channel)
            found.append(await one.picture(*wanted) if wanted else b"")
            before(one)
        await one.stop()
        return found

    return asyncio.run(drawing())


@pytest.mark.parametrize(
    ("source", "size"),
    [
        (Source(seconds=0.6, width=320, height=180), (320, 180)),
        (Source(seconds=0.4, width=1920, height=1080, fps=5, noisy=True, kbps=6000), (720, 404)),
        (Source(seconds=0.4, width=720, height=1280, fps=5), (404, 720)),
    ],
)
def test_a_still_is_the_picture_and_small(source: Source, size: tuple[int, int]) -> None:
    [drawn] = draw(channel_of(source))
    picture = Image.open(io.BytesIO(drawn))
    assert picture.format == "JPEG"
    assert abs(picture.width / picture.height - size[0] / size[1]) < 0.02
    assert max(picture.size) <= max(size)
    assert len(drawn) <= decoder.MOST_BYTES
    assert len(set(picture.convert("L").tobytes())) > 8, "there is something on it"


@pytest.mark.parametrize(("loud", "expected_db"), [(0.3, -13.5), (0.003, -53.5), (0, decoder.SILENCE_DB)])
def test_how_loud_it_is_is_heard_beside_the_pictures(loud: float, expected_db: float) -> None:
    outputs = pack(units(Source(seconds=2, loud=loud)))
    assert isinstance(outputs[0], Init)
    key = next(part.data for part in parts(outputs) if part.is_key)

    async def asking() -> tuple[float | None, bytes, float | None]:
        one = decoding.Decoder()
        told = await one.loudness(outputs[0].data, b"".join(part.data for part in parts(outputs)[-8:]))
        drawn, mute = await one.picture(outputs[0].data, key), await one.loudness(outputs[0].data, b"")
        await one.stop()
        return told, drawn, mute

    told, drawn, mute = asyncio.run(asking())
    assert told == pytest.approx(expected_db, abs=2)
    assert drawn[:2] == b"\xff\xd8"
    assert mute is None


def test_a_question_given_up_leaves_no_answer_for_the_next() -> None:
    outputs = pack(units(Source(seconds=1)))
    key = next(part.data for part in parts(outputs) if part.is_key)

    async def asking() -> bytes:
        one = decoding.Decoder()
        first = asyncio.create_task(one.loudness(outputs[0].data, key))
        await asyncio.sleep(0.01)
        first.cancel()
        drawn = await one.picture(outputs[0].data, key)
        await one.stop()
        return drawn

    assert asyncio.run(asking())[:2] == b"\xff\xd8"


def test_noise_is_made_to_fit() -> None:
    noise = Image.frombytes("RGB", (720, 720), os.urandom(720 * 720 * 3))
    assert len(decoder.small(noise)) <= decoder.MOST_BYTES


def test_rehearsals_and_silence_are_not_drawn() -> None:
    source = Source(seconds=0.6)
    assert draw(channel_of(source, "rehearsal"), channel_of(source, "off"), Channel("empty")) == [b"", b"", b""]


def test_garbage_and_a_killed_decoder_cost_one_still() -> None:
    good, bad = channel_of(Source(seconds=0.6)), channel_of(Source(seconds=0.6))
    for segment in bad.segments:
        segment.parts = [
            packets.read(part.message[: packets.HEADER.size] + os.urandom(len(part.message) - packets.HEADER.size))
            for part in segment.parts
        ]

    def kill(one: decoding.Decoder) -> None:
        if one._process:
            os.kill(one._process.pid, signal.SIGKILL)

    assert [bool(picture) for picture in draw(bad, good)] == [False, True]
    assert [bool(picture) for picture in draw(good, good, good, before=kill)] == [True, False, True]


def test_a_decoder_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PATIENCE_S", 1.0)
    good = channel_of(Source(seconds=0.6))
    began = time.monotonic()
    found = draw(good, good, good, before=lambda one: one._process and os.kill(one._process.pid, signal.SIGSTOP))
    assert [bool(picture) for picture in found] == [True, False, True]
    assert time.monotonic() - began < 8


def test_many_who_ask_are_answered_by_one_picture() -> None:
    drawn = []

    async def slow(room: str) -> bytes:
        await asyncio.sleep(0.05)
        drawn.append(room)
        return b"x" if room == "a" else b""

    async def asking() -> list[bytes]:
        one = stills.Stills(slow, 60)
        first = await asyncio.gather(*(one.of(room) for room in ["a"] * 500 + ["b"] * 500))
        again = await one.of("a")
        for number in range(stills.KEPT + 9):
            one._kept[str(number)] = stills.Still(b"", 0)
        await one.of("c")
        assert len(one._kept) == stills.KEPT
        return [*first, again]

    found = asyncio.run(asking())
    assert drawn[:2] == ["a", "b"]
    assert drawn.count("a") == drawn.count("b") == 1
    assert found.count(b"x") == 501


@pytest.mark.django_db(transaction=True)
def test_the_sites_own_address_gives_stills_of_what_is_on_air(media: Media, site: Site, push: Pushes) -> None:
    room: Room = cast.make_room(live=False)
    cast.make_shelf_item(room)
    push(room)
    soon(lambda: room.streams.filter(has_sound=True).exists())
    url = site.url + addresses.still_path(room.public_id)
    assert get(url)[0] == 404, "a rehearsal is nobody's business"
    stage.go_live(room=room, by=room.anchor)
    first = soon(lambda: get(url)[1], 12)
    assert Image.open(io.BytesIO(first)).size == (320, 180)
    assert len(first) <= decoder.MOST_BYTES
    soon(lambda: get(url)[1] not in (first, b""), 15)
    for wrong in (cast.make_room().public_id, "x" * 40, "a%0d%0aX:%20y", ".."):
        assert get(f"{site.url}/media/live/{wrong}/still.jpg")[0] == 404
    stage.end_show(room=room, by=room.anchor)
    soon(lambda: get(url)[0] == 404, 15)
