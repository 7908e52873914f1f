"""Viewers of one channel: what a newcomer gets, who may see a rehearsal, and what happens to those who cannot follow."""

import time
from dataclasses import dataclass, field

import pytest

from rooms.realtime.frames import Frame
from rooms.realtime.tickets import Ticket
from rooms.video import packets
from rooms.video.channel import KEEP_BYTES, KEEP_SEGMENTS, Channel, Viewer
from rooms.video.packager import Init, Packager, Part
from rooms.video.packets import Packet
from rooms.video.tests.test_media import pack, units
from rooms.video.units import VideoUnit


@dataclass
class Pipe:
    """A sink that remembers, with as much backlog as the test says."""

    name: str = "pipe"
    waiting: int = 0
    messages: list[str] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    is_cut: bool = False

    def write(self, frame: Frame) -> None:
        if frame.text:
            self.messages.append(frame.text)
        else:
            self.packets.append(packets.read(packets.message_of(frame.wire)))

    def backlog(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.is_cut = True


def viewer(*, staff: bool = False, relay: bool = False) -> tuple[Viewer, Pipe]:
    ticket = None if relay else Ticket(1, "room", 0, "", "d", "zh-hans", staff, time.time())
    pipe = Pipe()

    async def close(code: int) -> None:
        pipe.messages.append(str(code))

    return Viewer(ticket, pipe, close), pipe


def stream(times: int = 1) -> list[Packet]:
    """Three seconds, again and again: an init, then parts of segments numbered from 100 on."""
    told: list[Packet] = []
    segment = 99
    for output in pack(units() * times):
        if isinstance(output, Init):
            told.append(packets.of_init(output, 5.0))
        else:
            segment += output.opens_segment
            told.append(packets.of_part(output, segment, 5.0))
    return told


def on_air() -> Channel:
    channel = Channel("room")
    channel.set_state("air", "session")
    return channel


def test_a_packet_survives_its_journey() -> None:
    for packet in stream():
        assert packets.read(packet.message) == packet
        assert packets.message_of(packet.wire) == packet.message
    assert stream()[0].mime.startswith("video/mp4")
    assert bytes(stream()[0].media[4:8]) == b"ftyp"


@pytest.mark.parametrize("message", [b"", b"\x05" + bytes(40), bytes(28)])
def test_what_is_no_packet_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="not a packet"):
        packets.read(message)


def test_a_newcomer_gets_the_stream_from_its_last_keyframe() -> None:
    channel = on_air()
    for packet in stream()[:13]:
        channel.push(packet)
    who, pipe = viewer()
    channel.join(who)
    assert [packet.kind for packet in pipe.packets] == [packets.INIT, packets.PART, packets.PART]
    assert pipe.packets[1].is_key
    channel.push(stream()[13])
    assert len(pipe.packets) == 4


def test_a_relay_gets_all_that_is_kept() -> None:
    channel = on_air()
    for packet in stream():
        channel.push(packet)
    who, pipe = viewer(relay=True)
    channel.join(who, whole=True)
    assert len(pipe.packets) == 16


def test_a_rehearsal_is_for_operators_and_going_on_air_shows_it_from_a_keyframe() -> None:
    channel = Channel("room")
    channel.set_state("rehearsal", "session")
    (watcher, seen), (operator, shown) = viewer(), viewer(staff=True)
    channel.join(watcher)
    channel.join(operator)
    for packet in stream()[:9]:
        channel.push(packet)
    assert (len(seen.packets), len(shown.packets)) == (0, 9)
    assert '"off"' in seen.messages[-1]
    channel.set_state("air", "session")
    assert '"air"' in seen.messages[-1]
    assert [packet.kind for packet in seen.packets] == [0, 1, 1, 1]
    assert channel.segment(100) is None, "what was rehearsed is not in the playlist"
    channel.set_state("rehearsal", "session")
    assert '"off"' in seen.messages[-1]
    channel.push(stream()[9])
    assert len(seen.packets) == 4


def test_who_cannot_follow_skips_to_a_keyframe() -> None:
    channel = on_air()
    who, pipe = viewer()
    channel.join(who)
    told = stream()
    channel.push(told[0])
    channel.push(told[1])
    pipe.waiting = 10_000_000
    for packet in told[2:5]:
        channel.push(packet)
    assert (len(pipe.packets), who.dropped) == (2, 3)
    pipe.waiting = 0
    channel.push(told[5])
    assert who.dropped == 4, "not a keyframe yet"
    channel.push(told[6])
    assert pipe.packets[-1].is_key
    assert not who.is_stuck()


def test_who_takes_nothing_for_ten_seconds_is_told_of() -> None:
    channel = on_air()
    stuck: list[Viewer] = []
    channel.on_stuck = stuck.append
    who, pipe = viewer()
    channel.join(who)
    pipe.waiting = 10_000_000
    channel.push(stream()[1])
    assert stuck == []
    who.stuck_since -= 11
    channel.push(stream()[2])
    assert stuck == [who]


async def test_a_closing_viewer_gets_nothing_more_and_one_code() -> None:
    channel = on_air()
    who, pipe = viewer()
    channel.join(who)
    await who.close(4008)
    await who.close(4003)
    channel.push(stream()[0])
    assert pipe.messages[1:] == ["4008"]
    assert pipe.packets == []


def test_the_memory_is_bounded_and_discontinuities_are_counted() -> None:
    channel = on_air()
    epoch = 0
    for turn in range(8):
        for packet in stream():
            epoch = turn + 1
            shifted = packets._packet(
                packet.kind, 1 * packet.is_key, epoch, packet.segment + turn * 3, packet.duration_ms, 0.0, 5.0, b"\0\1x"
            )
            channel.push(shifted)
    assert len(channel.segments) == KEEP_SEGMENTS + 1
    assert len(channel.inits) == 4
    text = channel.playlist()
    assert text.count("#EXTINF") == KEEP_SEGMENTS
    assert f"#EXT-X-DISCONTINUITY-SEQUENCE:{channel.gone_epochs}" in text
    assert channel.gone_epochs == 4


def test_keyframes_alone_do_not_fill_the_memory() -> None:
    """Each a megabyte, and a millisecond on: by time they would be one segment for ever."""
    source, packager, channel, number = units(), Packager(), Channel("room"), 0
    config, key = source[0], next(unit for unit in source if isinstance(unit, VideoUnit) and unit.is_key)
    big = key.data + (1 << 20).to_bytes(4, "big") + b"\x0c" + bytes((1 << 20) - 1)
    channel.set_state("air")
    packager.add(config)
    for at in range(150):
        for output in packager.add(VideoUnit(float(at), 0, True, big)):
            number += isinstance(output, Part) and output.opens_segment
            channel.push(packets.of_init(output, 0) if isinstance(output, Init) else packets.of_part(output, number, 0))
    assert number >= 15
    assert sum(len(part.message) for segment in channel.segments for part in segment.parts) <= KEEP_BYTES + (9 << 20)


def test_a_stream_that_is_over_costs_no_memory_and_the_next_counts_on() -> None:
    channel, outputs = Channel("room"), pack(units())
    for turn in range(1, 3):
        channel.set_state("air")
        for output in outputs:
            channel.push(packets.of_init(output, 0) if isinstance(output, Init) else packets.of_part(output, turn, 0))
        channel.end()
        channel.set_state("off", reason="lost")
        assert (len(channel.segments), len(channel.inits), channel.init) == (0, 0, None)
        assert channel.gone_epochs == turn
