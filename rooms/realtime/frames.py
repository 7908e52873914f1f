"""Websocket frames built once for all sockets: the JSON text, and its bytes as a server puts them on the wire (RFC 6455 §5.2)."""

import json
import struct
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Frame:
    """One text message; `wire` is the unmasked final frame with its header."""

    text: str
    wire: bytes


def frame(message: dict[str, Any]) -> Frame:
    """A JSON message as a frame."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return Frame(text, header(len(payload := text.encode())) + payload)


def header(length: int) -> bytes:
    """The header of an unmasked, unfragmented text frame of `length` bytes."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65536:
        return struct.pack(">BBH", 0x81, 126, length)
    return struct.pack(">BBQ", 0x81, 127, length)
