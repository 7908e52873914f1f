"""The server's side of an RTMP connection that publishes: handshake, commands, answers. Bytes in, events and bytes out; knows no sockets."""

import os
import struct
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qsl

from rooms.video import amf
from rooms.video.chunks import SET_CHUNK_SIZE, BadChunk, ChunkReader, Message, chunked

HANDSHAKE_BYTES = 1536
WINDOW = 2_500_000
OUT_CHUNK = 4096
MAX_COMMANDS = 64  # of one connection: an encoder needs six
ACK, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH = 3, 4, 5, 6
AUDIO, VIDEO, DATA, COMMAND, COMMAND_3 = 8, 9, 18, 20, 17
PING, PONG = 6, 7
CONTROL_STREAM, COMMAND_STREAM, STATUS_STREAM = 2, 3, 5


class BadRtmp(ValueError):
    """The peer breaks the protocol or wants what we do not offer."""


@dataclass(frozen=True, slots=True)
class Publish:
    """The encoder asks to publish; answer with `accept` or `refuse`. `key` is a secret."""

    app: str
    key: str


@dataclass(frozen=True, slots=True)
class Media:
    """An FLV tag body."""

    is_video: bool
    timestamp: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the encoder says of itself: width, framerate, encoder …"""

    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unpublish:
    """The encoder is done, in good order."""


Event = Publish | Media | Metadata | Unpublish


class _State(Enum):
    GREETING = auto()
    ECHO = auto()
    OPEN = auto()
    ASKING = auto()
    PUBLISHING = auto()


class RtmpSession:
    """One connection. After each `receive`, send what `take_output` returns."""

    def __init__(self) -> None:
        self.chunks = ChunkReader()
        self.app = ""
        self._state = _State.GREETING
        self._early = bytearray()
        self._out = bytearray()
        self._commands = 0
        self._acknowledged = 0
        self._window = WINDOW
        self._out_chunk = 128

    @property
    def is_publishing(self) -> bool:
        return self._state is _State.PUBLISHING

    def take_output(self) -> bytes:
        """What is to be sent to the peer."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def receive(self, data: bytes) -> list[Event]:
        """Raises BadRtmp, and nothing else, whatever the bytes."""
        try:
            rest = data if self._state not in (_State.GREETING, _State.ECHO) else self._greet(data)
            if rest:
                self.chunks.feed(rest)
            return self._events()
        except (BadChunk, amf.BadAmf) as wrong:
            raise BadRtmp(str(wrong)) from wrong

    def accept(self) -> None:
        """The encoder may publish."""
        self._state = _State.PUBLISHING
        self._send(USER_CONTROL, struct.pack(">HI", 0, 1), CONTROL_STREAM)
        self._status("status", "NetStream.Publish.Start", "live")

    def refuse(self, why: str) -> None:
        """She may not, for this reason; close after sending."""
        self._status("error", "NetStream.Publish.BadName", why)

    def _greet(self, data: bytes) -> bytes:
        """The plain handshake; returns what followed it."""
        self._early += data
        if self._state is _State.GREETING:
            if self._early and self._early[0] != 3:
                raise BadRtmp("not RTMP")
            if len(self._early) < 1 + HANDSHAKE_BYTES:
                return b""
            hello = bytes(self._early[1 : 1 + HANDSHAKE_BYTES])
            self._out += b"\x03" + bytes(8) + os.urandom(HANDSHAKE_BYTES - 8) + hello
            del self._early[: 1 + HANDSHAKE_BYTES]
            self._state = _State.ECHO
        if len(self._early) < HANDSHAKE_BYTES:
            return b""
        rest = bytes(self._early[HANDSHAKE_BYTES:])
        self._early.clear()
        self._state = _State.OPEN
        return rest

    def _events(self) -> list[Event]:
        found: list[Event] = []
        if self._state in (_State.GREETING, _State.ECHO):
            return found
        while (message := self.chunks.next_message()) is not None:
            event = self._handle(message)
            if event is not None:
                found.append(event)
        if self.chunks.received - self._acknowledged >= self._window // 2:
            self._acknowledged = self.chunks.received
            self._send(ACK, struct.pack(">I", self._acknowledged & 0xFFFFFFFF), CONTROL_STREAM)
        return found

    def _handle(self, message: Message) -> Event | None:
        if message.kind in (AUDIO, VIDEO):
            return Media(message.kind == VIDEO, message.timestamp, message.body) if self.is_publishing and message.body else None
        if message.kind in (COMMAND, COMMAND_3):
            return self._command(amf.decode(message.body[1:] if message.kind == COMMAND_3 else message.body))
        if message.kind == DATA and self.is_publishing:
            return self._metadata(message.body)
        if message.kind == WINDOW_SIZE:
            self._window = max(int.from_bytes(message.body[:4], "big"), 4096)
        elif message.kind == USER_CONTROL and message.body[:2] == struct.pack(">H", PING):
            self._send(USER_CONTROL, struct.pack(">H", PONG) + message.body[2:6], CONTROL_STREAM)
        return None

    def _metadata(self, body: bytes) -> Event | None:
        self._count()
        values = next((value for value in amf.decode(body) if isinstance(value, dict)), None)
        return Metadata(values) if values else None

    def _command(self, values: list[Any]) -> Event | None:
        self._count()
        name = values[0] if values else None
        number = values[1] if len(values) > 1 and isinstance(values[1], float) else 0.0
        if name == "connect":
            self._connect(number, values[2] if len(values) > 2 else None)
        elif name in ("releaseStream", "FCPublish"):
            self._reply(number, None, None)
        elif name == "createStream":
            self._reply(number, None, 1)
        elif name == "publish":
            return self._publish(values[3] if len(values) > 3 else "")
        elif name in ("FCUnpublish", "deleteStream", "closeStream"):
            return Unpublish() if self.is_publishing else None
        elif name in ("play", "play2"):
            raise BadRtmp("this address is for publishing only")
        return None

    def _connect(self, number: float, options: Any) -> None:
        self.app = str(options.get("app", ""))[:200] if isinstance(options, dict) else ""
        self._send(WINDOW_SIZE, struct.pack(">I", WINDOW), CONTROL_STREAM)
        self._send(PEER_BANDWIDTH, struct.pack(">IB", WINDOW, 2), CONTROL_STREAM)
        self._send(SET_CHUNK_SIZE, struct.pack(">I", OUT_CHUNK), CONTROL_STREAM)
        self._out_chunk = OUT_CHUNK
        status = {"level": "status", "code": "NetConnection.Connect.Success", "description": "", "objectEncoding": 0}
        self._reply(number, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}, status)

    def _publish(self, name: Any) -> Event:
        if self._state is not _State.OPEN:
            raise BadRtmp("one stream a connection")
        self._state = _State.ASKING
        app, _, app_query = self.app.partition("?")
        key, _, query = str(name)[:400].partition("?")
        # OBS's “stream key” is the name itself; nginx-rtmp's users write it as a query.
        named = dict(parse_qsl(query) + parse_qsl(app_query)).get("key", "")
        return Publish(app.strip("/"), named or key)

    def _count(self) -> None:
        self._commands += 1
        if self._commands > MAX_COMMANDS and not self.is_publishing:
            raise BadRtmp("too many commands")

    def _reply(self, number: float, *values: Any) -> None:
        self._send(COMMAND, amf.encode("_result", number, *values), COMMAND_STREAM)

    def _status(self, level: str, code: str, text: str) -> None:
        told = amf.encode("onStatus", 0, None, {"level": level, "code": code, "description": text})
        self._send(COMMAND, told, STATUS_STREAM, stream_id=1)

    def _send(self, kind: int, body: bytes, chunk_stream: int, stream_id: int = 0) -> None:
        self._out += chunked(Message(kind, 0, stream_id, body), chunk_stream=chunk_stream, chunk_size=self._out_chunk)
