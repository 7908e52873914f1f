"""All rooms of the media process: who may publish, who is cut, and what the rest of the site says about their shows."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog

from liveshop import bus
from liveshop.threads import in_thread
from rooms.models import Room
from rooms.realtime import closes
from rooms.video import keys, sessions
from rooms.video.broadcast import Broadcast, Place
from rooms.video.channel import Channel, Viewer
from rooms.video.decoding import Decoder
from rooms.video.models import StreamSource
from rooms.video.recorder import finish_all_left

BEGINS = {"show_started", "show_resumed"}
ENDS = {"show_ended": "show_ended", "room_banned": "room_banned"}
log = structlog.get_logger(__name__)


class Station:
    """One per media process; everything here runs in its event loop."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.places: dict[int, Place] = {}
        self._channels: dict[str, Channel] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Put in order what an earlier process left, then listen."""
        left = await in_thread(sessions.close_all_left)("process_gone")
        finished = await in_thread(finish_all_left)()
        if left or finished:
            log.warning("streams_found_open", sessions=left, recordings=finished)
        bus.subscribe("room", self._on_event)
        bus.subscribe("stream", self._on_order)
        bus.subscribe(bus.RECONNECTED, lambda _: self._look_again())
        bus.bus.start()

    async def stop(self) -> None:
        """Cut all publishers and finish their recordings."""
        open_now = [place.broadcast for place in self.places.values() if place.broadcast]
        for broadcast in open_now:
            broadcast.cut("stopping")
        await asyncio.gather(*(broadcast.close("stopping") for broadcast in open_now), return_exceptions=True)
        await self.decoder.stop()
        await bus.bus.stop()

    def channel(self, room: str) -> Channel:
        """The channel of a room by its public id, also before anybody publishes."""
        channel = self._channels.get(room)
        if channel is None:
            channel = self._channels[room] = Channel(room)
            channel.on_stuck = lambda viewer: self.spawn(_close_slow(viewer))
        return channel

    def forget_if_idle(self, channel: Channel) -> None:
        """A channel that nobody watches and nobody feeds needs no memory."""
        is_used = channel.viewers or any(place.channel is channel for place in self.places.values())
        if not is_used:
            self._channels.pop(channel.room, None)

    async def publish_by_key(self, key: str, cut: Callable[[str], None]) -> Broadcast | None:
        """An encoder with this key; None for a key that is nobody's. Raises Refused."""
        room = await in_thread(keys.room_of)(key)
        return await self.publish(room, StreamSource.ENCODER, cut) if room else None

    async def publish(self, room: Room, source: str, cut: Callable[[str], None]) -> Broadcast:
        """A publisher whose right was checked; the newest wins. Raises Refused: BANNED, FORBIDDEN."""
        session = await in_thread(sessions.open_session)(room=room, source=source)
        session.room = room
        place = self.places.get(room.pk)
        if place is None:
            # Numbers that no earlier process has used: a segment lasts a second or more.
            place = self.places[room.pk] = Place(room, self.channel(room.public_id), segment=int(time.time()))
        older = place.broadcast
        place.broadcast = Broadcast(place, session, self.decoder, cut)
        if older:
            older.cut("taken_over")
            self.spawn(older.close("taken_over"))
        log.info("stream_began", room=room.slug, source=source, session=session.public_id)
        return place.broadcast

    def status(self) -> dict[str, Any]:
        """For the health address."""
        streams = [place for place in self.places.values() if place.broadcast]
        return {"streams": len(streams), "viewers": sum(len(channel.viewers) for channel in self._channels.values())}

    def _on_event(self, notice: dict[str, Any]) -> None:
        place = self.places.get(notice["room"])
        if place is None or place.broadcast is None:
            return
        if notice["kind"] in BEGINS:
            place.broadcast.ask_for_air()
        elif notice["kind"] in ENDS:
            place.broadcast.hide()
            if place.broadcast.show or notice["kind"] == "room_banned":
                place.broadcast.cut(ENDS[notice["kind"]])

    def _on_order(self, notice: dict[str, Any]) -> None:
        place = self.places.get(notice["room"])
        broadcast = place.broadcast if place else None
        if notice.get("do") == "cut" and broadcast and notice.get("source") in ("", broadcast.session.source):
            broadcast.cut(notice["why"])

    def _look_again(self) -> None:
        """Notices may have been missed."""
        for place in self.places.values():
            if place.broadcast:
                place.broadcast.ask_for_air()

    def spawn(self, work: Any) -> None:
        """A task that is kept until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _close_slow(viewer: Viewer) -> None:
    await viewer.close(closes.SLOW)
