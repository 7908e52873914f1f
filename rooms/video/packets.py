"""What travels to viewers and between processes: one binary websocket message a part, which tells by itself what it is.

28 bytes of header, big-endian: kind (0 init, 1 part), flags (1 keyframe, 2 opens a segment), epoch, segment number, duration in ms,
start on the room's clock in ms, server time of completion in ms. An init then has the length of its MIME type (2 bytes) and the type.
"""

import struct
from dataclasses import dataclass

from rooms.video.packager import Init, Part

HEADER = struct.Struct(">BBHIIdd")
INIT, PART = 0, 1
KEY, OPENS = 1, 2
LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Packet:
    """`message` is what a websocket carries, `wire` the same with the websocket's own header."""

    kind: int
    is_key: bool
    opens_segment: bool
    epoch: int
    segment: int
    duration_ms: int
    start_ms: float
    wall_ms: float
    message: bytes
    wire: bytes

    @property
    def media(self) -> memoryview:
        """The MP4 bytes alone."""
        skip = HEADER.size
        if self.kind == INIT:
            skip += 2 + int.from_bytes(self.message[skip : skip + 2], "big")
        return memoryview(self.message)[skip:]

    @property
    def mime(self) -> str:
        """Of an init."""
        size = int.from_bytes(self.message[HEADER.size : HEADER.size + 2], "big")
        return self.message[HEADER.size + 2 : HEADER.size + 2 + size].decode("ascii", "replace")


def of_init(init: Init, wall_ms: float) -> Packet:
    mime = init.tracks.mime.encode("ascii")
    return _packet(INIT, 0, init.epoch, 0, 0, 0.0, wall_ms, struct.pack(">H", len(mime)) + mime + init.data)


def of_part(part: Part, segment: int, wall_ms: float) -> Packet:
    flags = KEY * part.is_key | OPENS * part.opens_segment
    return _packet(PART, flags, part.epoch, segment, round(part.duration_ms), part.start_ms, wall_ms, part.data)


def read(message: bytes) -> Packet:
    """A packet that another process made. Raises ValueError."""
    if not HEADER.size < len(message) <= LARGEST or message[0] not in (INIT, PART):
        raise ValueError("not a packet")
    kind, flags, epoch, segment, duration, start, wall = HEADER.unpack_from(message)
    return Packet(kind, bool(flags & KEY), bool(flags & OPENS), epoch, segment, duration, start, wall, message, _wire(message))


def message_of(wire: bytes) -> bytes:
    """The message inside a binary frame."""
    return wire[{126: 4, 127: 10}.get(wire[1], 2) :]


def _packet(kind: int, flags: int, epoch: int, segment: int, duration: int, start: float, wall: float, body: bytes) -> Packet:
    message = HEADER.pack(kind, flags, epoch & 0xFFFF, segment & 0xFFFFFFFF, duration, start, wall) + body
    return Packet(kind, bool(flags & KEY), bool(flags & OPENS), epoch & 0xFFFF, segment, duration, start, wall, message, _wire(message))


def _wire(message: bytes) -> bytes:
    """An unmasked, whole binary frame (RFC 6455 §5.2)."""
    size = len(message)
    if size < 126:
        return bytes((0x82, size)) + message
    if size < 65536:
        return struct.pack(">BBH", 0x82, 126, size) + message
    return struct.pack(">BBQ", 0x82, 127, size) + message
