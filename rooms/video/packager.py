"""Units in, parts out: one continuous clock for a stream that stops, comes back, jumps or changes its size."""

from dataclasses import dataclass

from rooms.video import fmp4
from rooms.video.units import AudioConfig, AudioUnit, Unit, VideoConfig, VideoUnit

PART_MS = 200
SEGMENT_MS = 1000
SEGMENT_BYTES = 8 << 20  # whoever sends keyframes alone, each a millisecond on, opens the next one by their size
SCALE_MS = fmp4.VIDEO_SCALE // 1000
JUMP_MS = 3000  # forwards further than this, or backwards at all: the encoder's clock was set anew
BACK_MS = 50
SOUND_SLIP = 8  # an eighth of a second of missing sound is filled, less is the clock's rounding
WAIT_FOR_SOUND_MS = 1000
NOMINAL_MS = 40
MAX_PICTURES = 400  # in one part: nobody sends more than 120 a second


@dataclass(frozen=True, slots=True)
class Init:
    """From here on another init segment holds. `epoch` numbers them within a room."""

    epoch: int
    tracks: fmp4.Tracks
    data: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """A fifth of a second, or less at a keyframe. Times in milliseconds of the room's clock."""

    epoch: int
    start_ms: float
    duration_ms: float
    is_key: bool
    opens_segment: bool
    data: bytes

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.duration_ms


Output = Init | Part


class Packager:
    """One publisher's stream. The next publisher of the same room gets the `clock_ms` and `epoch` where this one stopped."""

    def __init__(self, *, clock_ms: float = 0, epoch: int = 0) -> None:
        self.epoch = epoch
        self.keyframe_interval_ms = 0.0
        self._origin = clock_ms
        self._video: VideoConfig | None = None
        self._audio: AudioConfig | None = None
        self._tracks: fmp4.Tracks | None = None
        self._shift: float | None = None
        self._expects_sound = False
        self._held: VideoUnit | None = None
        self._pictures: list[fmp4.VideoSample] = []
        self._sound: list[fmp4.AudioSample] = []
        self._sound_next: int | None = None
        self._sound_floor_ms = clock_ms  # some recordings bring a second of pictures, then its sound
        self._early_sound: list[AudioUnit] = []
        self._last_key_ms: float | None = None
        self._segment_ms: float | None = None
        self._segment_size = 0
        self._number = 0

    @property
    def clock_ms(self) -> float:
        """Where the room's clock stands: the end of what was packed."""
        return self._origin

    def expect_sound(self) -> None:
        """The encoder said that sound will come: wait a moment for it before the first part."""
        self._expects_sound = True

    def add(self, unit: Unit) -> list[Output]:
        """What the unit completes."""
        if isinstance(unit, VideoUnit):
            return self._picture(unit)
        if isinstance(unit, AudioUnit):
            self._hear(unit)
            return []
        return self._configured(unit)

    def flush(self) -> list[Output]:
        """The stream is over: the picture that waited for its successor goes out too."""
        if self._held:
            self._take_held(self._held.dts + self._usual_ms())
            self._held = None
        return self._cut(is_final=True)

    def _configured(self, unit: VideoConfig | AudioConfig) -> list[Output]:
        if unit in (self._video, self._audio):
            return []
        done = self.flush() if self._tracks else []
        if isinstance(unit, VideoConfig):
            self._video = unit
        else:
            self._audio = unit
            self._sound_next = None
        if self._tracks:
            self._tracks, self._pictures, self._sound, self._early_sound = None, [], [], []
        return done

    def _picture(self, unit: VideoUnit) -> list[Output]:
        if self._video is None:
            return []
        if self._held is None and not self._pictures and not unit.is_key:
            return []  # decoding can begin at a keyframe only
        unit = self._on_the_clock(unit)
        out: list[Output] = []
        if self._held:
            self._take_held(unit.dts)
            if unit.is_key or unit.dts - self._part_start() >= PART_MS - 10 or len(self._pictures) >= MAX_PICTURES:
                out = self._cut(is_final=False)
        if unit.is_key:
            if self._last_key_ms is not None:
                self.keyframe_interval_ms = unit.dts - self._last_key_ms
            self._last_key_ms = unit.dts
        self._held = unit
        return out

    def _on_the_clock(self, unit: VideoUnit) -> VideoUnit:
        """The unit at the room's time. A jump of the encoder's clock becomes one usual step."""
        if self._shift is None or (self._held is None and not self._pictures):
            self._shift = self._origin - unit.dts
            self._sound_next, self._sound_floor_ms = None, self._origin
        at = unit.dts + self._shift
        if self._held is not None and not -BACK_MS <= at - self._held.dts <= JUMP_MS:
            self._shift += self._held.dts + self._usual_ms() - at
            self._sound_next, self._sound_floor_ms = None, self._held.dts
        at = unit.dts + self._shift
        if self._held is not None:
            at = max(at, self._held.dts + 1)
        return VideoUnit(at, unit.cts, unit.is_key, unit.data)

    def _usual_ms(self) -> float:
        if not self._pictures:
            return NOMINAL_MS
        return min(max(self._pictures[-1].duration / SCALE_MS, 1), NOMINAL_MS * 5)

    def _part_start(self) -> float:
        return self._pictures[0].start / SCALE_MS

    def _take_held(self, until_ms: float) -> None:
        held = self._held
        if held is None:
            return
        start = round(held.dts * SCALE_MS)
        duration = max(round(until_ms * SCALE_MS) - start, 1)
        self._pictures.append(fmp4.VideoSample(start, duration, round(held.cts * SCALE_MS), held.is_key, held.data))

    def _hear(self, unit: AudioUnit) -> None:
        if self._audio is None:
            return
        if self._shift is None:
            if len(self._early_sound) < 100:
                self._early_sound.append(unit)
            return
        early, self._early_sound = self._early_sound, []
        for one in (*early, unit):
            self._put_sound(one, self._audio, self._shift)

    def _put_sound(self, unit: AudioUnit, audio: AudioConfig, shift: float) -> None:
        """Frames follow each other without a seam; missing ones are bridged, superfluous ones dropped."""
        at = round((unit.ts + shift) * audio.rate / 1000)
        floor = round(self._sound_floor_ms * audio.rate / 1000) if self._sound_next is None else self._sound_next
        if self._sound_next is None:
            if at < floor:
                return
            self._sound_next = at
        elif at - floor > audio.rate // SOUND_SLIP:
            if at - floor > audio.rate * JUMP_MS // 1000:
                return  # sound of the encoder's new clock, before its picture told us of the jump
            self._bridge(at - floor)
        elif floor - at > audio.rate // SOUND_SLIP:
            return
        if len(self._sound) < MAX_PICTURES:
            self._sound.append(fmp4.AudioSample(self._sound_next, audio.samples_per_frame, unit.data))
            self._sound_next += audio.samples_per_frame

    def _bridge(self, samples: int) -> None:
        if self._sound_next is None:
            return
        if self._sound and self._sound[-1].duration + samples <= fmp4.MAX_U32:
            last = self._sound[-1]
            self._sound[-1] = fmp4.AudioSample(last.start, last.duration + samples, last.data)
        self._sound_next += samples

    def _cut(self, *, is_final: bool) -> list[Output]:
        if not self._pictures or self._video is None:
            return []
        out: list[Output] = []
        if self._tracks is None:
            waited = self._pictures[-1].start / SCALE_MS - self._part_start()
            if self._expects_sound and self._audio is None and waited < WAIT_FOR_SOUND_MS and not is_final:
                return []
            self._tracks = fmp4.Tracks(self._video, self._audio)
            self.epoch += 1
            self._segment_ms = None
            out.append(Init(self.epoch, self._tracks, fmp4.init_segment(self._tracks)))
        out.append(self._part())
        return out

    def _part(self) -> Part:
        pictures, self._pictures = self._pictures, []
        sound, self._sound = self._sound, []
        self._number += 1
        start = pictures[0].start / SCALE_MS
        end = (pictures[-1].start + pictures[-1].duration) / SCALE_MS
        is_key = pictures[0].is_key
        is_long = self._segment_ms is None or start - self._segment_ms >= SEGMENT_MS - 20 or self._segment_size >= SEGMENT_BYTES
        data = fmp4.fragment(self._number, pictures, sound)
        if is_key and is_long:
            self._segment_ms, self._segment_size = start, 0
        self._segment_size += len(data)
        self._origin = end
        return Part(self.epoch, start, end - start, is_key, is_key and is_long, data)
