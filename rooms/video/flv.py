"""FLV tag bodies, which RTMP carries, to access units. Names what an encoder sends that we do not carry."""

from rooms.video import aac, h264
from rooms.video.units import AudioConfig, AudioUnit, BadMedia, Unsupported, VideoConfig, VideoUnit

AVC, AAC = 7, 10
OLD_VIDEO = {2: "H.263", 3: "Screen Video", 4: "VP6", 5: "VP6", 6: "Screen Video", 12: "HEVC"}
OLD_AUDIO = {0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM", 7: "G.711", 8: "G.711", 11: "Speex", 14: "MP3"}
NEW_NAMES = {b"hvc1": "HEVC", b"av01": "AV1", b"vp09": "VP9", b"vvc1": "VVC", b"Opus": "Opus", b"fLaC": "FLAC", b"ac-3": "AC-3", b"ec-3": "E-AC-3", b".mp3": "MP3"}  # fmt: skip
COMMAND_FRAME, NEW_AUDIO = 5, 9
SEQUENCE_START, CODED, CODED_NOW = 0, 1, 3
MAX_SHIFT_MS = 10_000


def read_video(timestamp: float, body: bytes) -> VideoConfig | VideoUnit | None:
    """A configuration, a picture, or None for what carries neither. Raises BadMedia or Unsupported."""
    if len(body) < 5:
        if body and not body[0] & 0x80 and body[0] & 15 != AVC:
            raise Unsupported(OLD_VIDEO.get(body[0] & 15, "this video codec"))
        return None
    if body[0] & 0x80:
        return _new_video(timestamp, body)
    if body[0] & 15 != AVC:
        raise Unsupported(OLD_VIDEO.get(body[0] & 15, "this video codec"))
    if body[0] >> 4 == COMMAND_FRAME:
        return None
    if body[1] == SEQUENCE_START:
        return h264.config_of(body[5:])
    shift = int.from_bytes(body[2:5], "big", signed=True)
    return _picture(timestamp, shift, body[5:]) if body[1] == CODED else None


def read_audio(timestamp: float, body: bytes) -> AudioConfig | AudioUnit | None:
    """A configuration, a frame, or None. Raises BadMedia or Unsupported."""
    if len(body) < 3:
        return None
    kind = body[0] >> 4
    if kind == NEW_AUDIO:
        return _new_audio(timestamp, body)
    if kind != AAC:
        raise Unsupported(OLD_AUDIO.get(kind, "this sound codec"))
    return aac.config_of(body[2:]) if body[1] == SEQUENCE_START else aac.frame_of(timestamp, body[2:])


def _new_video(timestamp: float, body: bytes) -> VideoConfig | VideoUnit | None:
    """Enhanced RTMP: the codec has a four-letter name."""
    name, packet = body[1:5], body[0] & 15
    if name != b"avc1":
        raise Unsupported(NEW_NAMES.get(name, "this video codec"))
    if packet == SEQUENCE_START:
        return h264.config_of(body[5:])
    if packet == CODED and len(body) > 8:
        return _picture(timestamp, int.from_bytes(body[5:8], "big", signed=True), body[8:])
    return _picture(timestamp, 0, body[5:]) if packet == CODED_NOW else None


def _new_audio(timestamp: float, body: bytes) -> AudioConfig | AudioUnit | None:
    name, packet = body[1:5], body[0] & 15
    if name != b"mp4a":
        raise Unsupported(NEW_NAMES.get(name, "this sound codec"))
    if packet == SEQUENCE_START:
        return aac.config_of(body[5:])
    return aac.frame_of(timestamp, body[5:]) if packet == CODED and len(body) > 5 else None


def _picture(timestamp: float, shift: int, data: bytes) -> VideoUnit | None:
    if not data:
        return None
    if abs(shift) > MAX_SHIFT_MS:
        raise BadMedia("impossible composition time")
    return VideoUnit(timestamp, shift, h264.is_key(data), data)
