"""AMF0, the object notation of RTMP commands: a reader with limits, and a writer."""

import struct
from typing import Any

MAX_DEPTH = 8
MAX_VALUES = 512
NUMBER, BOOLEAN, STRING, OBJECT, NULL, UNDEFINED, ECMA_ARRAY, END, STRICT_ARRAY, DATE, LONG_STRING = 0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12


class BadAmf(ValueError):
    """Not AMF0, too deep or too many values."""


def decode(data: bytes) -> list[Any]:
    """All values of a command. Raises BadAmf."""
    reader = _Reader(data)
    values = []
    while reader.at < len(data):
        values.append(reader.value(0))
    return values


def encode(*values: Any) -> bytes:
    """Numbers, booleans, strings, None and dicts of these, one after the other."""
    return b"".join(_encoded(value) for value in values)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.count = 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) < size:
            raise BadAmf("cut short")
        self.at += size
        return piece

    def text(self, size_bytes: int) -> str:
        return self.take(int.from_bytes(self.take(size_bytes), "big")).decode("utf-8", "replace")

    def value(self, depth: int) -> Any:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_VALUES:
            raise BadAmf("too deep or too many values")
        kind = self.take(1)[0]
        if kind == NUMBER:
            return struct.unpack(">d", self.take(8))[0]
        if kind == BOOLEAN:
            return self.take(1) != b"\0"
        if kind in (STRING, LONG_STRING):
            return self.text(2 if kind == STRING else 4)
        if kind in (NULL, UNDEFINED):
            return None
        if kind == DATE:
            return struct.unpack(">d", self.take(10)[:8])[0]
        if kind == STRICT_ARRAY:
            return [self.value(depth + 1) for _ in range(min(int.from_bytes(self.take(4), "big"), MAX_VALUES + 1))]
        if kind == ECMA_ARRAY:
            self.take(4)  # a count that encoders fill with anything; the end marker decides
        elif kind != OBJECT:
            raise BadAmf(f"type {kind}")
        return self.pairs(depth)

    def pairs(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self.text(2)
            if not name and self.data[self.at : self.at + 1] == bytes([END]):
                self.at += 1
                return found
            found[name] = self.value(depth + 1)


def _encoded(value: Any) -> bytes:
    if value is None:
        return bytes([NULL])
    if isinstance(value, bool):
        return bytes([BOOLEAN, value])
    if isinstance(value, int | float):
        return bytes([NUMBER]) + struct.pack(">d", value)
    if isinstance(value, str):
        return bytes([STRING]) + _short(value)
    if isinstance(value, dict):
        return bytes([OBJECT]) + b"".join(_short(name) + _encoded(one) for name, one in value.items()) + b"\0\0" + bytes([END])
    raise TypeError(f"AMF0 has no {type(value).__name__}")


def _short(text: str) -> bytes:
    raw = text.encode()[:65_535]
    return struct.pack(">H", len(raw)) + raw
