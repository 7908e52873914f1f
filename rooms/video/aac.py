"""AudioSpecificConfig, the few bits that say how to play AAC."""

from rooms.video.units import AudioConfig, AudioUnit, BadMedia, Unsupported

RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
EXPLICIT_RATE = 15
MAX_ASC = 64
MAX_FRAME = 8192  # 768 bytes a channel by the standard, and room for eight and what surrounds them
LC, SBR, PS = 2, 5, 29


def frame_of(ts: float, data: bytes) -> AudioUnit:
    """A frame at its time. Raises BadMedia for more than a frame can hold."""
    if len(data) > MAX_FRAME:
        raise BadMedia("a sound frame too large")
    return AudioUnit(ts, data)


def config_of(asc: bytes) -> AudioConfig:
    """A checked configuration. Raises BadMedia, and Unsupported for other than AAC-LC and its HE forms."""
    if not 2 <= len(asc) <= MAX_ASC:
        raise BadMedia("not an AudioSpecificConfig")
    bits, left = int.from_bytes(asc[:8].ljust(8, b"\0"), "big"), 64

    def take(count: int) -> int:
        nonlocal left
        left -= count
        return (bits >> left) & ((1 << count) - 1)

    object_type = take(5)
    index = take(4)
    rate = take(24) if index == EXPLICIT_RATE else RATES[index] if index < len(RATES) else 0
    channels = take(4)
    if object_type not in (LC, SBR, PS):
        raise Unsupported("this kind of AAC")
    if not 7350 <= rate <= 96000 or not 1 <= channels <= 7:
        raise BadMedia("impossible sound")
    short_frames = object_type == LC and take(1)
    # HE-AAC names the half rate here and decodes 2048 samples a frame, so a frame lasts as long as one of LC.
    return AudioConfig(asc=asc, object_type=object_type, rate=rate, channels=channels, samples_per_frame=960 if short_frames else 1024)
