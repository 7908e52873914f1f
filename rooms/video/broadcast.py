"""A publisher and its room: units come in; packets for viewers, a recording, figures for the anchor and the show's life go out."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings

from liveshop.threads import in_thread
from rooms.models import Room, Show
from rooms.video import packets, sessions
from rooms.video.channel import Channel
from rooms.video.decoding import Decoder
from rooms.video.models import StreamSession
from rooms.video.packager import Init, Output, Packager, Part
from rooms.video.reasons import reason
from rooms.video.recorder import Recorder
from rooms.video.units import AudioUnit, Unit, VideoConfig, VideoUnit

MEASURE_S = 2.0
FIRST_PICTURE_S = 10.0
KEYFRAME_S = 20.0
RATE_WINDOW_S = 10.0
MOST_CHANGES, CHANGES_S = 20, 60.0  # of picture size or sound, in a minute
HEARD_PARTS = 8  # some 1.5 s of sound
log = structlog.get_logger(__name__)


@dataclass
class Place:
    """A room in the media process. Its clock, epoch and segment number go on from publisher to publisher."""

    room: Room
    channel: Channel
    clock_ms: float = 0.0
    epoch: int = 0
    segment: int = 0
    broadcast: "Broadcast | None" = None


@dataclass
class _Window:
    """What came within a while."""

    began: float
    size: int = 0
    pictures: int = 0


class Broadcast:
    """`cut` closes the publisher's connection and gives it the reason; it may be called twice."""

    def __init__(self, place: Place, session: StreamSession, decoder: Decoder, cut: Callable[[str], None]) -> None:
        now = time.monotonic()
        self.place = place
        self.session = session
        self.show: Show | None = None
        self.encoder = ""
        self._decoder = decoder
        self._loudness_db: float | None = None
        self._cut = cut
        self._packager = Packager(clock_ms=place.clock_ms, epoch=place.epoch)
        self._recorder: Recorder | None = None
        self._init: Init | None = None
        self._changed: deque[float] = deque(maxlen=MOST_CHANGES)
        self._group: list[tuple[Part, float]] = []  # since the last keyframe, for a recording that begins between two
        self._size = (0, 0)
        self._began = self._last_key = now
        self._window, self._rate_window = _Window(now), _Window(now)
        self._is_over = False
        self._asking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._has_pictures = False
        self._spawn(self._watch())
        self._spawn(self._listen())

    def expect_sound(self) -> None:
        self._packager.expect_sound()

    def add(self, unit: Unit) -> None:
        """The publisher's next unit."""
        if self._is_over:
            return
        if isinstance(unit, VideoConfig):
            self._size = (unit.width, unit.height)
        elif isinstance(unit, VideoUnit):
            self._window.pictures += 1
            self._has_pictures = True
            if unit.is_key:
                self._last_key = time.monotonic()
        if isinstance(unit, VideoUnit | AudioUnit):
            self._window.size += len(unit.data)
            self._rate_window.size += len(unit.data)
        for output in self._packager.add(unit):
            self._emit(output)

    def ask_for_air(self) -> None:
        """A show may have begun or gone on: see whether this stream belongs to it."""
        if self._init is not None and self.show is None and (self._asking is None or self._asking.done()):
            self._asking = self._spawn(self._go_on_air())

    def hide(self) -> None:
        """What an earlier publisher of the room showed to all, only operators see from now on."""
        channel = self.place.channel
        if self.place.broadcast is self and channel.state == "air":
            channel.set_state("rehearsal", self.session.public_id)

    def cut(self, why: str) -> None:
        """Send the publisher away."""
        log.info("stream_cut", room=self.place.room.slug, why=why)
        self._cut(why)

    async def close(self, why: str) -> None:
        """The publisher is gone."""
        if self._is_over:
            return
        try:
            for output in self._packager.flush():
                self._emit(output)
        except Exception:  # what cannot be packed must not keep the room from hearing that the stream is over
            log.exception("stream_not_flushed", room=self.place.room.slug)
        self._is_over = True
        place = self.place
        log.info("stream_ended", room=place.room.slug, session=self.session.public_id, why=why)
        if place.broadcast is self:
            place.broadcast = None
            place.channel.end()
            place.channel.set_state("off", reason=why)
        for task in self._tasks:
            task.cancel()
        if self._recorder:
            try:
                await self._recorder.close()
            except Exception:  # a job finishes its row when the database is back
                log.exception("recording_not_finished", room=place.room.slug)
        await in_thread(sessions.close_session)(session=self.session, reason=why)

    def _emit(self, output: Output) -> None:
        place, wall = self.place, time.time()
        if place.broadcast is not self:
            return
        if isinstance(output, Init):
            if self._changes_too_often():
                self.cut("damaged")
                return
            self._init, self._group = output, []
            place.epoch = output.epoch
            packet = packets.of_init(output, wall * 1000)
        else:
            if output.is_key:
                self._group = []
            self._group.append((output, wall))
            place.clock_ms = output.end_ms
            place.segment += output.opens_segment
            packet = packets.of_part(output, place.segment, wall * 1000)
        if place.channel.state == "off":
            place.channel.set_state("rehearsal", self.session.public_id)
        place.channel.push(packet)
        if self._recorder:
            self._recorder.add(output, wall)
        elif isinstance(output, Part) and self._asking is None:
            self.ask_for_air()

    def _changes_too_often(self) -> bool:
        """Each change of the tracks begins another file, row and notice to the room: who turns a phone does it now and then."""
        now = time.monotonic()
        self._changed.append(now)
        return len(self._changed) == self._changed.maxlen and now - self._changed[0] < CHANGES_S

    async def _go_on_air(self) -> None:
        show = await in_thread(sessions.put_on_air)(session=self.session)
        if self._is_over:
            return
        if show is None:
            self.hide()
            return
        self.show = show
        log.info("stream_on_air", room=self.place.room.slug, show=show.public_id, source=self.session.source)
        if not show.is_demo:  # a demo left running must not fill the disk with its loop
            self._recorder = self._record(show)
        if self.place.broadcast is self:
            self.place.channel.set_state("air", self.session.public_id)

    def _record(self, show: Show) -> Recorder:
        """A recording from the last keyframe on."""
        recorder = Recorder(self.session, show)
        if self._init:
            recorder.add(self._init, time.time())
        for part, wall in self._group:
            recorder.add(part, wall)
        return recorder

    async def _watch(self) -> None:
        """Every other second: the figures, and what must not go on."""
        while True:
            await asyncio.sleep(MEASURE_S)
            now = time.monotonic()
            why = self._objection(now)
            if why:
                self.cut(why)
                return
            measured = self._measured(now)
            if self.show is None and self._has_failed_to_ask():
                self.ask_for_air()
            try:
                over = await in_thread(sessions.measure)(session=self.session, measured=measured)
            except Exception:
                log.exception("stream_not_measured", room=self.place.room.slug)  # the database may be restarting; the show goes on
                continue
            if over:
                self.cut(over)
                return

    def _has_failed_to_ask(self) -> bool:
        asking = self._asking
        return asking is not None and asking.done() and not asking.cancelled() and asking.exception() is not None

    async def _listen(self) -> None:
        """Every other second: how loud it is, so that a dead microphone is noticed before viewers do."""
        while True:
            await asyncio.sleep(MEASURE_S)
            if self._init and self._init.tracks.audio and self._group:
                parts = b"".join(part.data for part, _wall in self._group[-HEARD_PARTS:])
                self._loudness_db = await self._decoder.loudness(self._init.data, parts)

    def _objection(self, now: float) -> str:
        if self._init is None and now - self._began > FIRST_PICTURE_S:
            return "no_keyframe" if self._has_pictures else "no_video"
        if now - self._last_key > KEYFRAME_S:
            return "no_keyframe"
        if now - self._began > settings.STREAM_HOURS_MAX * 3600:
            return "too_long"
        window = self._rate_window
        if now - window.began >= RATE_WINDOW_S:
            self._rate_window = _Window(now)
            if window.size * 8 / (now - window.began) > settings.STREAM_KBPS_MAX * 1000:
                return reason("too_fast", str(settings.STREAM_KBPS_MAX // 1000))
        return ""

    def _measured(self, now: float) -> sessions.Measured:
        window, self._window = self._window, _Window(now)
        seconds = max(now - window.began, 0.1)
        since_key = (now - self._last_key) * 1000
        return sessions.Measured(
            width=self._size[0],
            height=self._size[1],
            frame_rate=window.pictures / seconds,
            bitrate_kbps=round(window.size * 8 / seconds / 1000),
            keyframe_ms=round(max(self._packager.keyframe_interval_ms, since_key if since_key > 5000 else 0)),
            has_sound=bool(self._init and self._init.tracks.audio),
            trouble=self._recorder.trouble if self._recorder else "",
            encoder=self.encoder,
            loudness_db=self._loudness_db,
        )

    def _spawn(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
