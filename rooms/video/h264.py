"""What must be read of H.264: sizes out of an SPS, avcC records, NAL units and whether a picture can be begun with."""

import re
import struct
from collections.abc import Iterator

from rooms.video.units import BadMedia, TooLarge, Unsupported, VideoConfig

SLICE_IDR, SPS, PPS, DELIMITER = 5, 7, 8, 9
MAX_SIDE = 1920
MAX_PIXELS = 1920 * 1088
MAX_UNITS = 2048  # NAL units of one picture: a slice for each few macroblocks of 1080p, and each is looked at
HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138}
START_CODE = re.compile(b"\x00\x00\x00?\x01")


def config_of(avcc: bytes) -> VideoConfig:
    """A checked avcC record. Raises BadMedia, Unsupported, and TooLarge for a picture beyond 1080p."""
    if len(avcc) < 7 or avcc[0] != 1:
        raise BadMedia("not an avcC record")
    if avcc[4] & 3 != 3:
        raise Unsupported("H.264 with short NAL lengths")
    names = _parameter_sets(avcc)
    if not names or names[0][0] & 31 != SPS:
        raise BadMedia("avcC without SPS")
    width, height = size_of(names[0])
    if min(width, height) < 16:
        raise BadMedia("a picture of nothing")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise TooLarge(f"{width}×{height}")
    return VideoConfig(avcc=avcc, width=width, height=height)


def avcc_from(sps: bytes, pps: bytes) -> bytes:
    """An avcC record of one SPS and one PPS."""
    head = bytes([1, sps[1], sps[2], sps[3], 0xFF, 0xE1])
    return head + struct.pack(">H", len(sps)) + sps + b"\x01" + struct.pack(">H", len(pps)) + pps


def _parameter_sets(avcc: bytes) -> list[bytes]:
    found, at = [], 5
    for mask in (31, 255):
        if at >= len(avcc):
            raise BadMedia("avcC cut short")
        count = avcc[at] & mask
        at += 1
        for _ in range(count):
            size = int.from_bytes(avcc[at : at + 2], "big")
            piece = avcc[at + 2 : at + 2 + size]
            if not size or len(piece) < size:
                raise BadMedia("avcC cut short")
            found.append(piece)
            at += 2 + size
    return found


def nal_units(data: bytes) -> Iterator[memoryview]:
    """The NAL units of a picture with four-byte lengths. Raises BadMedia unless they fill it exactly."""
    view, at, count = memoryview(data), 0, 0
    while at < len(data):
        count += 1
        if count > MAX_UNITS:
            raise BadMedia("too many NAL units")
        size = int.from_bytes(view[at : at + 4], "big")
        if not size or at + 4 + size > len(data):
            raise BadMedia("NAL lengths do not fit")
        yield view[at + 4 : at + 4 + size]
        at += 4 + size


def is_key(data: bytes) -> bool:
    """Whether decoding can begin here. Raises BadMedia."""
    found = False
    for unit in nal_units(data):
        found = found or unit[0] & 31 == SLICE_IDR
    return found


def annexb_units(data: bytes) -> list[bytes]:
    """The NAL units between start codes. Only for streams without an avcC: a length may look like a start code."""
    return [unit for unit in START_CODE.split(data) if unit]


def from_annexb(data: bytes) -> tuple[bytes, bytes]:
    """The picture with four-byte lengths, and the avcC record it carried, or nothing."""
    units = annexb_units(data)
    sets = {unit[0] & 31: unit for unit in units if unit[0] & 31 in (SPS, PPS)}
    rest = b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit[0] & 31 not in (SPS, PPS, DELIMITER))
    return rest, avcc_from(sets[SPS], sets[PPS]) if len(sets) == 2 and len(sets[SPS]) > 3 else b""


def size_of(sps: bytes) -> tuple[int, int]:
    """Width and height as shown. Raises BadMedia."""
    bits = _Bits(sps[1:200].replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.take(8)
    bits.take(16)
    bits.number()
    chroma = 1
    if profile in HIGH_PROFILES:
        chroma = _high_profile(bits)
    bits.number()
    _picture_order(bits)
    bits.number()
    bits.take(1)
    width, height_units = (bits.number() + 1) * 16, bits.number() + 1
    frames_only = bits.take(1)
    if not frames_only:
        bits.take(1)
    bits.take(1)
    height = height_units * 16 * (2 - frames_only)
    if bits.take(1):
        left, right, top, bottom = (bits.number() for _ in range(4))
        width -= (left + right) * (2 if chroma in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma == 1 else 1) * (2 - frames_only)
    if width <= 0 or height <= 0:
        raise BadMedia("a picture without size")
    return width, height


def _high_profile(bits: "_Bits") -> int:
    chroma = bits.number()
    if chroma == 3:
        bits.take(1)
    bits.number()
    bits.number()
    bits.take(1)
    if bits.take(1):
        for index in range(8 if chroma != 3 else 12):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: "_Bits", size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) & 255
        last = following or last


def _picture_order(bits: "_Bits") -> None:
    kind = bits.number()
    if kind == 0:
        bits.number()
    elif kind == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        cycle = bits.number()
        if cycle > 255:
            raise BadMedia("impossible SPS")
        for _ in range(cycle):
            bits.signed()


class _Bits:
    """Bit by bit through a parameter set."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "big")
        self.left = len(data) * 8

    def take(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            raise BadMedia("parameter set cut short")
        return (self.value >> self.left) & ((1 << count) - 1)

    def number(self) -> int:
        """ue(v)"""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise BadMedia("impossible number")
        return (1 << zeros) - 1 + (self.take(zeros) if zeros else 0)

    def signed(self) -> int:
        """se(v)"""
        number = self.number()
        return (number + 1) // 2 if number & 1 else -(number // 2)
