"""RTMP's chunk stream: bytes in any pieces become whole messages, within limits. Knows no sockets."""

import struct
from dataclasses import dataclass, field

SET_CHUNK_SIZE, ABORT = 1, 2
MAX_STREAMS = 32
MAX_MESSAGE = 4 << 20
MAX_HELD = 8 << 20  # all unfinished messages of a connection
LEAST_CHUNK = 128  # what every connection begins with; smaller ones cost a header a byte
FREE_MESSAGES = 1000
LEAST_MEAN = 16  # bytes a message, after these: nobody streams in smaller ones, and each costs the same work
EXTENDED = 0xFFFFFF
HEADER_SIZES = (11, 7, 3, 0)


class BadChunk(ValueError):
    """The peer does not speak RTMP, or more of it than we take."""


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message."""

    kind: int
    timestamp: int
    stream_id: int
    body: bytes


@dataclass(slots=True)
class _Stream:
    """What a chunk stream remembers from header to header."""

    timestamp: int = 0
    step: int = 0
    length: int = 0
    kind: int = 0
    stream_id: int = 0
    is_extended: bool = False
    is_known: bool = False
    parts: list[bytes] = field(default_factory=list)
    have: int = 0


class ChunkReader:
    """`feed` bytes, then take `next_message` until it returns None."""

    def __init__(self) -> None:
        self.chunk_size = 128
        self.received = 0
        self._data = bytearray()
        self._at = 0
        self._streams: dict[int, _Stream] = {}
        self._held = 0
        self._messages = 0

    def feed(self, data: bytes) -> None:
        """More bytes from the wire."""
        self.received += len(data)
        if self._at:
            del self._data[: self._at]
            self._at = 0
        self._data += data

    def next_message(self) -> Message | None:
        """The next whole message, or None until more was fed. Raises BadChunk. The reader obeys chunk size and abort itself."""
        while self._at < len(self._data):
            before = self._at
            chunk = self._header()
            if chunk is None:
                self._at = before
                return None
            message = self._payload(*chunk)
            if message is not None and not self._obeyed(message):
                return message
        return None

    def _header(self) -> tuple[_Stream, int] | None:
        """The stream of the next chunk and its payload size, once all of that chunk is here. Changes the stream only then."""
        first = self._data[self._at]
        shape, number, at = first >> 6, first & 63, self._at + 1
        extra = (1, 2)[number] if number < 2 else 0
        size = HEADER_SIZES[shape]
        if len(self._data) < at + extra + size:
            return None
        if extra:
            number = 64 + int.from_bytes(self._data[at : at + extra], "little")
            at += extra
        stream = self._streams.get(number) or self._new(number, shape)
        fields = bytes(self._data[at : at + size])
        at += size
        length = int.from_bytes(fields[3:6], "big") if shape < 2 else stream.length
        if length > MAX_MESSAGE:
            raise BadChunk("message too large")
        is_extended = fields[:3] == b"\xff\xff\xff" if shape < 3 else stream.is_extended
        if shape < 3 and stream.have:
            raise BadChunk("a message began inside another")
        payload = min(self.chunk_size, length - stream.have)
        if len(self._data) < at + 4 * is_extended + payload:
            return None
        stamp = int.from_bytes(fields[:3], "big")
        if is_extended:
            stamp = int.from_bytes(self._data[at : at + 4], "big")
            at += 4
        self._streams[number] = stream
        self._remember(stream, shape, fields, stamp, is_extended, length)
        self._at = at
        return stream, payload

    def _new(self, number: int, shape: int) -> _Stream:
        if shape != 0 and not (shape == 1 and number == 2):
            raise BadChunk("a chunk stream must begin with a whole header")
        if len(self._streams) >= MAX_STREAMS:
            raise BadChunk("too many chunk streams")
        return _Stream()

    def _remember(self, stream: _Stream, shape: int, fields: bytes, stamp: int, is_extended: bool, length: int) -> None:
        if shape == 3:
            if not stream.have:
                stream.timestamp = (stream.timestamp + stream.step) & 0xFFFFFFFF
            return
        stream.length, stream.is_extended = length, is_extended
        if shape < 2:
            stream.kind = fields[6]
        if shape == 0:
            stream.stream_id = int.from_bytes(fields[7:11], "little")
        stream.timestamp = stamp if shape == 0 else (stream.timestamp + stamp) & 0xFFFFFFFF
        stream.step = stamp

    def _payload(self, stream: _Stream, size: int) -> Message | None:
        stream.parts.append(bytes(self._data[self._at : self._at + size]))
        self._at += size
        stream.have += size
        self._held += size
        if self._held > MAX_HELD:
            raise BadChunk("too many unfinished messages")
        if stream.have < stream.length:
            return None
        self._messages += 1
        if self._messages > FREE_MESSAGES + self.received // LEAST_MEAN:
            raise BadChunk("too many small messages")
        self._held -= stream.have
        body, stream.parts, stream.have = b"".join(stream.parts), [], 0
        return Message(stream.kind, stream.timestamp, stream.stream_id, body)

    def _obeyed(self, message: Message) -> bool:
        if message.kind not in (SET_CHUNK_SIZE, ABORT):
            return False
        if len(message.body) < 4:
            raise BadChunk("a control message is cut short")
        value = int.from_bytes(message.body[:4], "big")
        if message.kind == SET_CHUNK_SIZE:
            if not LEAST_CHUNK <= value <= 0x7FFFFFFF:
                raise BadChunk("impossible chunk size")
            self.chunk_size = min(value, MAX_MESSAGE)  # no message is longer, so a longer chunk is the same
        elif (aborted := self._streams.get(value)) is not None:
            self._held -= aborted.have
            aborted.parts, aborted.have = [], 0
        return True


def chunked(message: Message, *, chunk_stream: int, chunk_size: int = 128) -> bytes:
    """The message with a whole header, cut into chunks."""
    stamp = min(message.timestamp, EXTENDED)
    extended = struct.pack(">I", message.timestamp) if stamp == EXTENDED else b""
    header = bytes([chunk_stream]) + stamp.to_bytes(3, "big") + len(message.body).to_bytes(3, "big") + bytes([message.kind])
    out = [header + message.stream_id.to_bytes(4, "little") + extended]
    for at in range(0, len(message.body), chunk_size):
        if at:
            out.append(bytes([0xC0 | chunk_stream]) + extended)
        out.append(message.body[at : at + chunk_size])
    return b"".join(out)
