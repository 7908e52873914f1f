"""What every way of ingest is turned into: H.264 access units, AAC frames and the two configurations they need."""

from dataclasses import dataclass


class BadMedia(ValueError):
    """The bytes are not what they claim to be."""


class Unsupported(BadMedia):
    """Proper media that this site does not carry; `what` names it for the anchor, e.g. HEVC; `code` is the reason's."""

    code = "codec"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported: send H.264 video up to 1080p and AAC sound")
        self.what = what


class TooLarge(Unsupported):
    """A picture beyond 1080p; `what` is its size."""

    code = "too_large"


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """An avcC record (ISO 14496-15) and what its first SPS says."""

    avcc: bytes
    width: int
    height: int

    @property
    def codec(self) -> str:
        """RFC 6381 name, e.g. avc1.64001f."""
        return f"avc1.{self.avcc[1:4].hex()}"


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """An AudioSpecificConfig (ISO 14496-3)."""

    asc: bytes
    object_type: int
    rate: int
    channels: int
    samples_per_frame: int

    @property
    def codec(self) -> str:
        """RFC 6381 name, e.g. mp4a.40.2."""
        return f"mp4a.40.{self.object_type}"


@dataclass(frozen=True, slots=True)
class VideoUnit:
    """One picture: NAL units with four-byte lengths. Times in milliseconds; shown at `dts + cts`."""

    dts: float
    cts: float
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class AudioUnit:
    """One raw AAC frame."""

    ts: float
    data: bytes


Unit = VideoConfig | AudioConfig | VideoUnit | AudioUnit
