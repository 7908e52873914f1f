"""Real streams, damaged on purpose: nothing but the declared refusal leaves a parser, nothing hangs, nothing is hoarded.

The same damage each time: hypothesis hands out numbers without chance, and each number is the seed of one mutation.
"""

import gc
import random
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms.video import aac, amf, filming, flv, fmp4, packets, rtmp
from rooms.video.chunks import ABORT, SET_CHUNK_SIZE, Message, chunked
from rooms.video.converter import AUDIO, AUDIO_CONFIG, DELTA, FAILED, KEY, MEMORY_BYTES, VIDEO_CONFIG
from rooms.video.decoder import ANSWER, ASKED, MOST_BYTES, PICTURE, SOUND
from rooms.video.decoding import environment
from rooms.video.filming import REPOSITORY
from rooms.video.packager import Init, Packager, Part
from rooms.video.rtmp import BadRtmp, Media, Publish, RtmpSession
from rooms.video.tests import encoder
from rooms.video.tests.encoder import Source
from rooms.video.tests.test_converter import MP4, VP8, WEBM_H264, convert, record
from rooms.video.tests.test_media import SHORT, media, pack, parts, units
from rooms.video.tests.test_rtmp import greeting, opening
from rooms.video.units import BadMedia, Unit

SEEDS = st.integers(0, 2**32 - 1)
SLOWEST_S = 2.0
MOST_MB = 40
EDGES = (b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff", b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), b"\x00\x00\x00\x01")


def fuzz(count: int) -> Callable[..., object]:
    return settings(max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


def mutant(data: bytes, seed: int, begin: int = 0) -> bytes:
    """The data after one to eight blows behind `begin`."""
    chance, hurt = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(begin, max(len(hurt), begin + 1))
        size = chance.choice((1, 2, 4, 16, 300, 5000))
        blow = chance.randrange(12)
        if blow == 0:
            hurt[at : at + 1] = bytes([chance.randrange(256)])
        elif blow == 1:
            edge = chance.choice(EDGES)
            hurt[at : at + len(edge)] = edge
        elif blow == 2:
            del hurt[at : at + size]
        elif blow == 3:
            hurt[at:at] = chance.randbytes(size)
        elif blow == 4:
            hurt[at:at] = hurt[at : at + size] * chance.randint(1, 20)
        else:
            other = chance.randrange(begin, max(len(hurt), begin + 1))
            hurt[at : at + size] = hurt[other : other + size]
    return bytes(hurt)


@cache
def conversation() -> bytes:
    """What an encoder says from the greeting to its good-bye."""
    about = amf.encode("@setDataFrame", "onMetaData", {"width": 320, "encoder": "test", "audiocodecid": 10})
    said = [opening(), chunked(Message(rtmp.DATA, 0, 1, about), chunk_stream=4)]
    said += [chunked(Message(SET_CHUNK_SIZE, 0, 0, struct.pack(">I", 4096)), chunk_stream=2)]
    for is_video, stamp, body in encoder.tags(encoder.flv(SHORT)):
        kind, line = (rtmp.VIDEO, 6) if is_video else (rtmp.AUDIO, 4)
        said.append(chunked(Message(kind, stamp, 1, body), chunk_stream=line, chunk_size=4096))
    said.append(chunked(Message(ABORT, 0, 0, struct.pack(">I", 6)), chunk_stream=2, chunk_size=4096))
    return b"".join(said)


def listen(data: bytes, piece: int) -> int:
    """As the media process hears it; returns how many parts came out. Only BadRtmp and BadMedia may end it."""
    session, packager, made = RtmpSession(), Packager(), 0
    begin = len(opening())  # an encoder waits for its answer here
    try:
        for at in (0, *range(begin, len(data), piece)):
            for event in session.receive(data[at : at + piece] if at else data[:begin]):
                if isinstance(event, Publish):
                    session.accept()
                elif isinstance(event, Media):
                    unit = (flv.read_video if event.is_video else flv.read_audio)(event.timestamp, event.body)
                    made += packed(packager, unit) if unit else 0
            session.take_output()
    except (BadRtmp, BadMedia):
        pass
    return made + check(packager.flush())


def packed(packager: Packager, unit: Unit) -> int:
    return check(packager.add(unit))


def check(outputs: list[Init | Part]) -> int:
    """What goes out is well formed, whatever came in."""
    for output in outputs:
        if isinstance(output, Part):
            names = encoder.boxes(output.data)
            assert names == ["moof", "mdat"]
            moof = output.data[: int.from_bytes(output.data[:4], "big")]
            facts = fmp4.facts_of(moof)
            assert facts is not None
            assert facts.duration > 0
            assert packets.read(packets.of_part(output, 1, 0).message).start_ms == output.start_ms
    return sum(isinstance(output, Part) for output in outputs)


def test_the_undamaged_conversation_becomes_the_whole_stream() -> None:
    """Else the fuzzing below would damage nothing that matters."""
    assert listen(conversation(), 1000) == len(parts(pack(units())))


@given(SEEDS, st.sampled_from((7, 128, 1460, 65_536)))
@fuzz(800)
def test_damaged_conversations_are_heard_to_their_end_or_refused(seed: int, piece: int) -> None:
    began = time.monotonic()
    listen(mutant(conversation(), seed, begin=len(opening())), piece)
    assert time.monotonic() - began < SLOWEST_S


@given(SEEDS)
@fuzz(600)
def test_a_damaged_greeting_and_commands_are_refused_or_understood(seed: int) -> None:
    listen(mutant(opening(), seed, begin=random.Random(seed).choice((0, len(greeting())))), 500)


@given(SEEDS)
@fuzz(600)
def test_damaged_amf_is_refused_or_understood(seed: int) -> None:
    said = amf.encode("connect", 1, {"app": "live", "tcUrl": "rtmp://x/live", "audioCodecs": 3191, "nested": {"a": {"b": None, "c": True}}})
    try:
        amf.decode(mutant(said, seed))
    except amf.BadAmf:
        return


@given(SEEDS)
@fuzz(400)
def test_damaged_tags_are_packed_or_refused_one_by_one(seed: int) -> None:
    """The framing whole, the media in it damaged: this reaches the packager, which a broken chunk stream seldom does."""
    chance, packager = random.Random(seed), Packager()
    for is_video, stamp, body in encoder.tags(encoder.flv(SHORT)):
        if chance.random() < 0.15:
            body = mutant(body, chance.getrandbits(32))
        if chance.random() < 0.1:
            stamp = chance.choice((0, stamp + 2900, stamp + 5000, 2**31, 2**32 - 1, chance.getrandbits(32)))
        try:
            unit = (flv.read_video if is_video else flv.read_audio)(stamp, body)
        except BadMedia:
            continue
        if unit:
            check(packager.add(unit))
    check(packager.flush())


def test_sound_that_leaps_for_days_between_two_pictures_breaks_nothing() -> None:
    """Each leap is bridged by a longer frame; its length has 32 bits in the file."""
    packager, told = Packager(), units()
    rate = next(unit.rate for unit in told if hasattr(unit, "rate"))
    pictures = [unit for unit in told if hasattr(unit, "cts")]
    for unit in [unit for unit in told if not hasattr(unit, "ts") and not hasattr(unit, "cts")] + pictures[:2]:
        packager.add(unit)
    for number in range(2**32 // (rate * 2) + 5000):
        packager.add(aac.frame_of(number * 2900.0, b"\x21\x10\x04"))
    check([output for unit in pictures[2:] for output in packager.add(unit)])
    check(packager.flush())


@pytest.mark.parametrize(
    "data",
    [
        chunked(Message(SET_CHUNK_SIZE, 0, 0, struct.pack(">I", 1)), chunk_stream=2),
        chunked(Message(9, 0, 1, b""), chunk_stream=6) + b"\xc6" * 500_000,
        chunked(Message(9, 0, 1, b"x"), chunk_stream=6) + b"\xc6x" * 500_000,
    ],
    ids=["chunks of one byte", "empty messages", "messages of one byte"],
)
def test_floods_that_cost_more_than_they_send_are_refused_soon(data: bytes) -> None:
    session, began = RtmpSession(), time.monotonic()
    session.receive(opening())
    session.accept()
    with pytest.raises(BadRtmp):
        session.receive(data)
    assert time.monotonic() - began < 1


def test_a_picture_of_a_million_pieces_is_refused_soon() -> None:
    began = time.monotonic()
    with pytest.raises(BadMedia):
        flv.read_video(0, b"\x17\x01\0\0\0" + b"\0\0\0\1\x65" * 800_000)
    assert time.monotonic() - began < 0.1


def test_hundreds_of_damaged_conversations_leave_nothing_behind() -> None:
    def some(seeds: range) -> None:
        for seed in seeds:
            listen(mutant(conversation(), seed, begin=len(greeting())), 4096)
        gc.collect()

    some(range(10))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        some(range(100, 160))
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 300_000
    assert peak - before < MOST_MB << 20


@pytest.mark.parametrize(("dts", "shift"), [(float("nan"), 0), (float("inf"), 0), (0, float("nan")), (0, 2.0**40), (1e300, 0)])
def test_impossible_times_of_a_camera_are_refused(dts: float, shift: float) -> None:
    """Index tables of a hostile recording can hold any; a fragment's fields cannot."""
    with pytest.raises(BadMedia):
        filming._add(None, DELTA, dts, shift, b"\0\0\0\1\x41")  # type: ignore[arg-type]


class Packed:
    """Stands where a broadcast does: units go to a real packager, what comes out is looked at."""

    def __init__(self) -> None:
        self.packager = Packager()
        self.packager.expect_sound()

    def add(self, unit: Unit) -> None:
        check(self.packager.add(unit))


@pytest.mark.parametrize(("source", "format", "mode"), [(WEBM_H264, "webm", "copy"), (MP4, "mp4", "copy"), (VP8, "webm", "transcode")])
def test_damaged_recordings_of_browsers_end_in_time_within_their_memory(source: Source, format: str, mode: str) -> None:
    whole = record(source, "matroska" if format == "webm" else format)
    for seed in range(12):
        place, said = Packed(), convert(mutant(whole, seed, begin=0 if seed < 2 else 40), format, mode, wait_s=10)
        for number, (kind, dts, shift, data) in enumerate(said):
            assert kind in (VIDEO_CONFIG, KEY, DELTA, AUDIO_CONFIG, AUDIO, FAILED)
            assert kind != FAILED or number == len(said) - 1
            try:
                filming._add(place, kind, dts, shift, data)  # type: ignore[arg-type]
            except BadMedia:
                break
        check(place.packager.flush())
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10 < MEMORY_BYTES


@pytest.fixture
def decoder() -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "rooms.video.decoder"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY, env=environment())
    yield process
    process.kill()
    process.wait(5)


def test_damaged_parts_are_drawn_and_heard_or_not_by_one_process_that_does_not_grow(decoder: "subprocess.Popen[bytes]") -> None:
    outputs = pack(units())
    init, key = outputs[0].data, next(part for part in parts(outputs) if part.is_key).data
    assert media(outputs).startswith(init)
    assert _answered(decoder, PICTURE, init, key).startswith(b"\xff\xd8")
    for seed in range(20):
        _answered(decoder, PICTURE, init, mutant(key, seed))
        _answered(decoder, SOUND, init, mutant(key, seed))
    before = psutil.Process(decoder.pid).memory_info().rss
    for seed in range(20, 420):
        hurt = (mutant(init, seed), key) if seed % 3 == 0 else (init, mutant(key, seed, begin=0 if seed % 3 == 1 else 200))
        _answered(decoder, PICTURE, *hurt)
        _answered(decoder, SOUND, *hurt)
    assert decoder.poll() is None
    assert psutil.Process(decoder.pid).memory_info().rss - before < MOST_MB << 20
    assert _answered(decoder, PICTURE, init, key).startswith(b"\xff\xd8"), "it draws as before"


def _answered(decoder: "subprocess.Popen[bytes]", wanted: bytes, init: bytes, part: bytes) -> bytes:
    assert decoder.stdin
    assert decoder.stdout
    began = time.monotonic()
    decoder.stdin.write(ASKED.pack(wanted, len(init), len(part)) + init + part)
    decoder.stdin.flush()
    (size,) = ANSWER.unpack(decoder.stdout.read(ANSWER.size))
    told = decoder.stdout.read(size)
    assert time.monotonic() - began < SLOWEST_S
    assert len(told) == size <= MOST_BYTES
    return told
