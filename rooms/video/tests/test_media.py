"""H.264, AAC, FLV and MP4: real streams from a real encoder, checked with a real decoder; damaged ones refused."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms.video import aac, flv, fmp4, h264
from rooms.video.packager import Init, Output, Packager, Part
from rooms.video.tests import encoder
from rooms.video.tests.encoder import Source
from rooms.video.units import AudioConfig, AudioUnit, BadMedia, Unit, Unsupported, VideoConfig, VideoUnit

FUZZ = settings(max_examples=200, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
SHORT = Source()


def units(source: Source = SHORT) -> list[Unit]:
    found = [(flv.read_video if is_video else flv.read_audio)(stamp, body) for is_video, stamp, body in encoder.tags(encoder.flv(source))]
    return [unit for unit in found if unit is not None]


def pack(given_units: list[Unit], packager: Packager | None = None) -> list[Output]:
    packager = packager or Packager()
    return [output for unit in given_units for output in packager.add(unit)] + packager.flush()


def parts(outputs: list[Output]) -> list[Part]:
    return [output for output in outputs if isinstance(output, Part)]


def media(outputs: list[Output]) -> bytes:
    return b"".join(output.data for output in outputs)


@pytest.mark.parametrize(("width", "height"), [(320, 180), (640, 360), (1280, 720), (1920, 1080), (1080, 1920), (322, 182)])
def test_the_size_is_read_from_the_parameter_set(width: int, height: int) -> None:
    config = units(Source(seconds=0.2, width=width, height=height, audio=""))[0]
    assert isinstance(config, VideoConfig)
    assert (config.width, config.height) == (width, height)


def test_more_than_1080p_is_refused() -> None:
    with pytest.raises(Unsupported, match="2560"):
        units(Source(seconds=0.1, width=2560, height=1440, audio=""))


def test_a_stream_becomes_parts_that_a_decoder_plays() -> None:
    outputs = pack(units())
    assert isinstance(outputs[0], Init)
    assert outputs[0].tracks.mime == 'video/mp4; codecs="avc1.42c00c,mp4a.40.2"'
    assert encoder.boxes(media(outputs)) == ["ftyp", "moov"] + ["moof", "mdat"] * 15
    assert [part.is_key for part in parts(outputs)] == [True, False, False, False, False] * 3
    assert [part.opens_segment for part in parts(outputs)] == [part.is_key for part in parts(outputs)]
    pictures, seconds, sound = encoder.decoded(media(outputs))
    assert pictures == 45
    assert seconds == pytest.approx(2.933, abs=0.01)
    assert sound / encoder.RATE == pytest.approx(3, abs=0.1)


def test_every_part_from_a_keyframe_on_plays_by_itself() -> None:
    outputs = pack(units())
    later = [part.data for part in parts(outputs)[5:]]
    assert encoder.decoded(outputs[0].data + b"".join(later))[0] == 30


def test_pictures_shown_out_of_order_keep_their_times() -> None:
    source = Source(bframes=2, seconds=2)
    pictures, seconds, _ = encoder.decoded(media(pack(units(source))))
    assert pictures == 30
    assert seconds == pytest.approx(29 / 15, abs=0.15)


def test_a_silent_stream_has_no_sound_track() -> None:
    outputs = pack(units(Source(audio="")))
    assert isinstance(outputs[0], Init)
    assert outputs[0].tracks.audio is None
    assert encoder.decoded(media(outputs))[0] == 45


def test_nothing_goes_out_before_the_first_keyframe() -> None:
    stream = units()
    first_key = next(at for at, unit in enumerate(stream) if isinstance(unit, VideoUnit))
    outputs = pack(stream[:first_key] + stream[first_key + 1 :])
    assert parts(outputs)[0].is_key
    assert encoder.decoded(media(outputs))[0] == 30


def test_sound_that_was_announced_is_waited_for() -> None:
    stream = units()
    sound = next(unit for unit in stream if isinstance(unit, AudioConfig))
    late = [unit for unit in stream if unit is not sound]
    late.insert(8, sound)
    packager = Packager()
    packager.expect_sound()
    outputs = pack(late, packager)
    assert sum(isinstance(output, Init) for output in outputs) == 1
    assert isinstance(outputs[0], Init)
    assert outputs[0].tracks.audio == sound


def test_the_next_publisher_goes_on_where_the_last_one_stopped() -> None:
    first = Packager()
    before = parts(pack(units(), first))
    second = Packager(clock_ms=first.clock_ms, epoch=first.epoch)
    after = pack(units(), second)
    assert isinstance(after[0], Init)
    assert after[0].epoch == 2
    assert parts(after)[0].start_ms == pytest.approx(before[-1].end_ms, abs=0.1)
    assert encoder.decoded(media(pack(units())) + b"".join(part.data for part in parts(after)))[0] == 90


@pytest.mark.parametrize("jump", [-5_000_000, -700, 60_000, 4_000_000_000])
def test_a_jump_of_the_encoders_clock_leaves_no_hole(jump: int) -> None:
    stream: list[Unit] = []
    for unit in units():
        if isinstance(unit, VideoUnit) and unit.dts >= 1500:
            unit = VideoUnit(unit.dts + jump, unit.cts, unit.is_key, unit.data)
        if isinstance(unit, AudioUnit) and unit.ts >= 1500:
            unit = AudioUnit(unit.ts + jump, unit.data)
        stream.append(unit)
    outputs = parts(pack(stream))
    for before, after in zip(outputs, outputs[1:], strict=False):
        assert after.start_ms == pytest.approx(before.end_ms, abs=0.1)
    assert outputs[-1].end_ms == pytest.approx(3000, abs=60)


def test_missing_sound_is_bridged_not_shifted() -> None:
    stream = [unit for unit in units() if not isinstance(unit, AudioUnit) or not 1000 < unit.ts < 1600]
    assert encoder.decoded(media(pack(stream)))[0] == 45
    last = max(unit.ts for unit in stream if isinstance(unit, AudioUnit))
    packager = Packager()
    pack(stream, packager)
    assert packager._sound_next is not None
    assert packager._sound_next / encoder.RATE * 1000 == pytest.approx(last, abs=60)


def test_another_picture_size_begins_another_epoch() -> None:
    outputs = pack(units() + units(Source(width=640, height=360)))
    inits = [output for output in outputs if isinstance(output, Init)]
    assert [(init.epoch, init.tracks.video.width) for init in inits] == [(1, 320), (2, 640)]
    starts = [part.start_ms for part in parts(outputs)]
    assert starts == sorted(starts)


def test_the_keyframe_interval_is_known() -> None:
    packager = Packager()
    pack(units(Source(keyframes=30, seconds=5)), packager)
    assert packager.keyframe_interval_ms == pytest.approx(2000, abs=2)


def test_a_fragment_tells_what_is_in_it() -> None:
    first = parts(pack(units()))[0]
    size = int.from_bytes(first.data[:4], "big")
    facts = fmp4.facts_of(first.data[:size])
    assert facts == fmp4.FragmentFacts(0, round(first.duration_ms * 90), True)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"\x12\x00\x00\x00\x00", "H.263"),
        (b"\x1c\x00\x00\x00\x00\x00", "HEVC"),
        (b"\x90hvc1\x00", "HEVC"),
        (b"\x90av01\x00", "AV1"),
        (b"\x90????", "video codec"),
    ],
)
def test_other_pictures_are_named(body: bytes, what: str) -> None:
    with pytest.raises(Unsupported, match=what):
        flv.read_video(0, body)


@pytest.mark.parametrize(("body", "what"), [(b"\x2f\x00\x00", "MP3"), (b"\x90Opus", "Opus"), (b"\xb2\x00\x00", "Speex")])
def test_other_sound_is_named(body: bytes, what: str) -> None:
    with pytest.raises(Unsupported, match=what):
        flv.read_audio(0, body)


def test_enhanced_rtmp_may_carry_h264_and_aac() -> None:
    stream = [body for is_video, _, body in encoder.tags(encoder.flv(SHORT)) if is_video]
    config, picture = stream[0], stream[1]
    assert flv.read_video(0, b"\x90avc1" + config[5:]) == flv.read_video(0, config)
    assert flv.read_video(7, b"\x93avc1" + picture[5:]) == VideoUnit(7, 0, True, picture[5:])
    sound = next(body for is_video, _, body in encoder.tags(encoder.flv(SHORT)) if not is_video)
    assert flv.read_audio(0, b"\x90mp4a" + sound[2:]) == flv.read_audio(0, sound)


def test_lengths_that_look_like_start_codes_are_lengths() -> None:
    picture = b"\x00\x00\x01\x10" + b"\x65" + bytes(0x10F)
    assert h264.is_key(picture)
    assert [len(unit) for unit in h264.nal_units(picture)] == [0x110]


def test_annexb_gives_its_parameter_sets() -> None:
    config = units()[0] if isinstance(units()[0], VideoConfig) else units()[1]
    assert isinstance(config, VideoConfig)
    sps, pps = h264._parameter_sets(config.avcc)[:2]
    data = b"".join(b"\0\0\0\1" + unit for unit in (b"\x09\x10", sps, pps, b"\x65abc"))
    picture, avcc = h264.from_annexb(data)
    assert picture == b"\0\0\0\4\x65abc"
    assert h264.config_of(avcc).width == 320


@pytest.mark.parametrize("asc", [b"", b"\x12", bytes(2), b"\xff" * 70, b"\x16\x90", b"\x12\x00"])
def test_impossible_sound_is_refused(asc: bytes) -> None:
    with pytest.raises(BadMedia):
        aac.config_of(asc)


def test_sound_configurations_are_read() -> None:
    assert aac.config_of(b"\x12\x10") == AudioConfig(b"\x12\x10", 2, 44100, 2, 1024)
    assert aac.config_of(b"\x11\x88") == AudioConfig(b"\x11\x88", 2, 48000, 1, 1024)


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
@FUZZ
def test_noise_as_media_is_refused_and_nothing_else(body: bytes, stamp: int) -> None:
    for read in (flv.read_video, flv.read_audio):
        try:
            read(stamp, body)
        except BadMedia:
            continue


@given(st.data())
@FUZZ
def test_a_damaged_stream_is_refused_or_packed_but_breaks_nothing(draw: st.DataObject) -> None:
    packager, total = Packager(), 0
    flips = draw.draw(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 40), st.integers(0, 255)), max_size=8))
    stamps = draw.draw(st.dictionaries(st.integers(0, 90), st.integers(0, 2**32 - 1), max_size=4))
    last_end = 0.0
    for number, (is_video, stamp, body) in enumerate(encoder.tags(encoder.flv(SHORT))):
        damaged = bytearray(body)
        for at, place, value in flips:
            if at == number and place < len(damaged):
                damaged[place] = value
        try:
            unit = (flv.read_video if is_video else flv.read_audio)(stamps.get(number, stamp), bytes(damaged))
        except BadMedia:
            continue
        for output in packager.add(unit) if unit else []:
            if isinstance(output, Part):
                assert output.start_ms >= last_end - 0.1
                last_end = output.end_ms
                total += len(output.data)
    assert total < 400_000
