"""RTMP's bytes: any pieces, any order of nonsense, within limits."""

import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms.video import amf
from rooms.video.chunks import MAX_HELD, MAX_MESSAGE, MAX_STREAMS, BadChunk, ChunkReader, Message, chunked
from rooms.video.rtmp import COMMAND, HANDSHAKE_BYTES, BadRtmp, Media, Metadata, Publish, RtmpSession, Unpublish

FUZZ = settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def read_all(data: bytes, pieces: int = 0) -> list[Message]:
    reader, found = ChunkReader(), []
    for at in range(0, len(data), pieces or len(data)):
        reader.feed(data[at : at + (pieces or len(data))])
        while (message := reader.next_message()) is not None:
            found.append(message)
    return found


def command(*values: object, stream_id: int = 0) -> bytes:
    return chunked(Message(COMMAND, 0, stream_id, amf.encode(*values)), chunk_stream=3)


def greeting() -> bytes:
    return b"\x03" + bytes(HANDSHAKE_BYTES) + bytes(HANDSHAKE_BYTES)


def opening(app: str = "live", key: str = "secret") -> bytes:
    asks = [command("connect", 1, {"app": app}), command("releaseStream", 2, None, key), command("createStream", 3, None)]
    return greeting() + b"".join(asks) + command("publish", 4, None, key, "live", stream_id=1)


def test_a_message_arrives_whole_however_it_was_cut() -> None:
    wanted = Message(9, 1234, 1, bytes(range(256)) * 20)
    for chunk_size in (128, 4096, 60_000):
        told = chunked(Message(1, 0, 0, struct.pack(">I", chunk_size)), chunk_stream=2) + chunked(
            wanted, chunk_stream=6, chunk_size=chunk_size
        )
        for pieces in (0, 1, 7, 129):
            assert read_all(told, pieces) == [wanted]


def test_short_headers_build_on_the_ones_before() -> None:
    first = chunked(Message(8, 1000, 1, b"one"), chunk_stream=4)
    second = bytes([0x44]) + (20).to_bytes(3, "big") + (3).to_bytes(3, "big") + b"\x08" + b"two"
    third = bytes([0x84]) + (25).to_bytes(3, "big") + b"thr"
    fourth = bytes([0xC4]) + b"fou"
    found = read_all(first + second + third + fourth)
    assert [(message.timestamp, message.body) for message in found] == [(1000, b"one"), (1020, b"two"), (1045, b"thr"), (1070, b"fou")]


@pytest.mark.parametrize("timestamp", [0xFFFFFE, 0xFFFFFF, 0x1000000, 0xFFFFFFFF])
def test_long_timestamps_are_repeated_in_every_chunk(timestamp: int) -> None:
    wanted = Message(9, timestamp, 1, bytes(500))
    assert read_all(chunked(wanted, chunk_stream=6)) == [wanted]


def test_two_messages_may_take_turns() -> None:
    video, audio = Message(9, 5, 1, bytes([1]) * 200), Message(8, 6, 1, bytes([2]) * 200)
    v, a = chunked(video, chunk_stream=6), chunked(audio, chunk_stream=4)
    head = 12 + 128
    assert read_all(v[:head] + a[:head] + v[head:] + a[head:]) == [video, audio]


def test_an_aborted_message_is_forgotten() -> None:
    cut = chunked(Message(9, 5, 1, bytes(200)), chunk_stream=6)[: 12 + 128]
    abort = chunked(Message(2, 0, 0, struct.pack(">I", 6)), chunk_stream=2)
    wanted = Message(9, 7, 1, b"new")
    assert read_all(cut + abort + chunked(wanted, chunk_stream=6)) == [wanted]


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("message too large", b"\x06" + bytes(3) + (MAX_MESSAGE + 1).to_bytes(3, "big") + b"\x09" + bytes(4)),
        ("begin with a whole header", b"\xc6"),
        ("begin with a whole header", b"\x46" + bytes(7)),
        ("inside another", chunked(Message(9, 0, 1, bytes(300)), chunk_stream=6)[:140] + b"\x06" + bytes(11)),
        ("impossible chunk size", chunked(Message(1, 0, 0, bytes(4)), chunk_stream=2)),
        ("cut short", chunked(Message(1, 0, 0, b"\0"), chunk_stream=2)),
        ("too many chunk streams", b"".join(chunked(Message(9, 0, 1, b"x"), chunk_stream=3 + number) for number in range(MAX_STREAMS + 1))),
    ],
)
def test_more_than_the_limits_is_refused(why: str, data: bytes) -> None:
    with pytest.raises(BadChunk, match=why):
        read_all(data)


def test_unfinished_messages_cannot_fill_the_memory() -> None:
    reader = ChunkReader()
    reader.chunk_size = MAX_MESSAGE - 1
    begun = [bytes([6 + number]) + bytes(3) + MAX_MESSAGE.to_bytes(3, "big") + b"\x09" + bytes(3 + MAX_MESSAGE) for number in range(3)]
    for one in begun[:2]:
        reader.feed(one)
        assert reader.next_message() is None
    reader.feed(begun[2])
    with pytest.raises(BadChunk, match="unfinished"):
        reader.next_message()
    assert MAX_HELD < 3 * (MAX_MESSAGE - 1)


@given(
    st.lists(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False)
        | st.text(max_size=50)
        | st.dictionaries(st.text("abc", min_size=1, max_size=4), st.text(max_size=9), max_size=4),
        max_size=6,
    )
)
@FUZZ
def test_amf_reads_what_it_wrote(values: list[object]) -> None:
    assert amf.decode(amf.encode(*values)) == values


@given(st.binary(max_size=400))
@FUZZ
def test_amf_never_breaks_on_noise(data: bytes) -> None:
    try:
        amf.decode(data)
    except amf.BadAmf:
        return


def test_amf_does_not_follow_a_nest_without_end() -> None:
    with pytest.raises(amf.BadAmf):
        amf.decode(b"\x03\x00\x01a" * 100_000)
    with pytest.raises(amf.BadAmf):
        amf.decode(b"\x0a\xff\xff\xff\xff" + b"\x05" * 10_000)


def test_an_encoder_is_led_to_publish_and_back() -> None:
    session = RtmpSession()
    assert session.receive(opening(key="top-secret")) == [Publish("live", "top-secret")]
    assert session.take_output()[:1] == b"\x03"
    session.accept()
    assert b"NetStream.Publish.Start" in session.take_output()
    data = chunked(Message(18, 0, 1, amf.encode("@setDataFrame", "onMetaData", {"width": 1280})), chunk_stream=4)
    frames = chunked(Message(9, 40, 1, b"video"), chunk_stream=6) + chunked(Message(8, 41, 1, b"audio"), chunk_stream=4)
    assert session.receive(data + frames) == [Metadata({"width": 1280.0}), Media(True, 40, b"video"), Media(False, 41, b"audio")]
    assert session.receive(command("FCUnpublish", 6, None, "top-secret")) == [Unpublish()]


@pytest.mark.parametrize(("app", "name"), [("live", "room?key=abc"), ("live?key=abc", "room"), ("/live/", "abc")])
def test_the_key_may_be_the_name_or_a_query(app: str, name: str) -> None:
    event = RtmpSession().receive(opening(app, name))[0]
    assert isinstance(event, Publish)
    assert (event.app, event.key) == ("live", "abc")


def test_a_refused_encoder_reads_why() -> None:
    session = RtmpSession()
    session.receive(opening())
    session.take_output()
    session.refuse("the key is not valid")
    told = session.take_output()
    assert b"NetStream.Publish.BadName" in told
    assert b"the key is not valid" in told
    assert session.receive(chunked(Message(9, 0, 1, b"video"), chunk_stream=6)) == []


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        greeting() + command("connect", 1, {"app": "live"}) + command("play", 2, None, "x"),
        greeting() + b"".join(command("createStream", number, None) for number in range(100)),
        opening() + command("publish", 5, None, "again"),
    ],
)
def test_who_wants_something_else_is_turned_away(data: bytes) -> None:
    with pytest.raises(BadRtmp):
        RtmpSession().receive(data)


def test_what_was_received_is_acknowledged() -> None:
    session = RtmpSession()
    session.receive(opening())
    session.accept()
    session.take_output()
    session.receive(chunked(Message(9, 0, 1, bytes(1_300_000)), chunk_stream=6))
    assert session.take_output()[7] == 3


@given(st.binary(max_size=6000), st.integers(1, 700))
@FUZZ
def test_noise_after_the_greeting_never_breaks_the_session(data: bytes, pieces: int) -> None:
    _survives(greeting() + data, pieces)


@given(st.data())
@FUZZ
def test_a_damaged_conversation_never_breaks_the_session(draw: st.DataObject) -> None:
    said = bytearray(
        opening()
        + chunked(Message(9, 40, 1, bytes(300)), chunk_stream=6)
        + chunked(Message(18, 0, 1, amf.encode("x", {"a": 1})), chunk_stream=4)
    )
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(1 + 2 * HANDSHAKE_BYTES, len(said) - 1))
        said[at] = draw.draw(st.integers(0, 255))
    _survives(bytes(said), draw.draw(st.integers(1, 4000)))


def _survives(data: bytes, pieces: int) -> None:
    """Only BadRtmp may leave, soon, and nothing is hoarded."""
    session, began = RtmpSession(), time.monotonic()
    try:
        for at in range(0, len(data), pieces):
            for event in session.receive(data[at : at + pieces]):
                if isinstance(event, Publish):
                    session.accept()
    except BadRtmp:
        pass
    assert time.monotonic() - began < 1
    assert len(session.take_output()) < 100_000
    assert len(session.chunks._data) <= len(data)
