"""The hub of this process: rooms with local sockets, fed by the database's notices (state) and the channel layer (talk, ambience)."""

import asyncio
import random
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError

from accounts import sanctions
from liveshop import bus
from liveshop.clock import now, server_ms
from liveshop.threads import in_thread
from rooms import chat
from rooms.realtime import closes, recovery
from rooms.realtime.frames import frame
from rooms.realtime.gate import gate
from rooms.realtime.layer import Layer
from rooms.realtime.localroom import LocalRoom
from rooms.realtime.members import Lane, Member
from rooms.realtime.recovery import Reading
from rooms.realtime.tickets import Ticket
from rooms.realtime.voided import VoidedTickets

log = structlog.get_logger(__name__)
RENDERERS = 3  # threads that may draw panels at once, so that a burst of pins cannot take every database connection
BUS_WAIT_S = 5
RETRY_S = 1
SEND_AWAY_S = 3.0
SEND_AWAY_AT_ONCE = 50
_CODES = {"logged_out": closes.LOGGED_OUT, "changed": closes.TICKET}


class Hub:
    """One per process; everything here runs in the server's event loop."""

    def __init__(self) -> None:
        self.rooms: dict[int, LocalRoom] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Task[None] | None = None
        self.layer = Layer(self._on_news, lambda: self.spawn(self._refresh_all()))
        self._tasks: set[asyncio.Task[Any]] = set()
        self._renderers = asyncio.Semaphore(RENDERERS)
        self._voided = VoidedTickets()
        self.is_leaving = False

    async def start(self) -> None:
        """Connect to bus and layer in the running loop; later calls wait for the first and do nothing."""
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            self.loop = loop
            self._starting = loop.create_task(self._start(), context=Context())
        if self._starting is not None:
            await asyncio.shield(self._starting)  # one socket that leaves meanwhile must not end the start of all

    async def _start(self) -> None:
        self._renderers = asyncio.Semaphore(RENDERERS)
        bus.subscribe("room", self._on_event)
        bus.subscribe("kill", self._on_kill)
        bus.subscribe("talk", self._on_talk)
        bus.subscribe("news", self._on_news)
        bus.subscribe("yours", self._on_yours)
        bus.subscribe(bus.RECONNECTED, lambda _: self.spawn(self._refresh_all()))
        bus.bus.start()
        # A number read before we listen could hide an event committed in between; a bus that comes later refreshes every room.
        with suppress(TimeoutError):
            await asyncio.wait_for(bus.bus.is_listening.wait(), BUS_WAIT_S)
        if not await self._recall():
            self.spawn(self._refresh_all())
        await self.layer.start()

    async def join(self, member: Member) -> LocalRoom:
        """Register a socket; the first of a room subscribes this process to the room's group."""
        room_id = member.ticket.room
        room = self.rooms.get(room_id)
        if room is None:
            room = self.rooms[room_id] = LocalRoom(room_id, self._read)
            # Before the wait: a ban, an event or another's leaving meanwhile must find this socket here.
            room.add(member)
            await self.layer.enter(room_id)
        room.add(member)
        return room

    async def leave(self, member: Member) -> None:
        """Forget a socket; the last of a room ends the subscription."""
        room = self.rooms.get(member.ticket.room)
        if room is None:
            return
        room.remove(member)
        if not any(room.members.values()):
            if room.timer:
                room.timer.cancel()
            del self.rooms[room.room_id]
            await self.layer.leave(room.room_id)
            if room.room_id in self.rooms:  # somebody came while we unsubscribed
                await self.layer.enter(room.room_id)

    def holds(self, room_id: int, person: str) -> bool:
        """Whether this person has a socket in the room in this process."""
        room = self.rooms.get(room_id)
        return room is not None and room.holds(person)

    def note(self, room_id: int, **news: Any) -> None:
        """Put talk or ambience into the room's next tick in this process; `news` as `Tick.add` takes it."""
        room = self.rooms.get(room_id)
        if room is None:
            return
        room.tick.add(**news)
        if room.timer is None and self.loop:
            room.timer = self.loop.call_later(settings.HUB_TICK_MS / 1000, self._flush, room)

    def tell_staff(self, room_id: int, message: dict[str, Any]) -> None:
        """A frame for the operators' sockets only."""
        room = self.rooms.get(room_id)
        if room is not None:
            room.send(frame({"t": "staff", "now": server_ms(), **message}), Lane.STATE, staff_only=True)

    def _flush(self, room: LocalRoom) -> None:
        room.timer = None
        full, talk = room.tick.take()
        if full is None:
            return
        if room.told_spread_ms != gate.spread_ms:
            full["spread"] = room.told_spread_ms = gate.spread_ms
        built = frame({"t": "tick", "now": server_ms(), **full})
        lean = frame({"t": "tick", "now": server_ms(), **talk}) if talk else None
        for member in room.everyone():
            if not member.offer(built, Lane.AMBIENCE) and lean:
                member.offer(lean, Lane.TALK)
            if member.can_recover():
                member.is_behind = False
                self.spawn(self._snapshot(room, member))
            elif member.is_stuck():
                log.info("socket_too_slow", room=room.room_id, waiting=member.sink.backlog())
                self.spawn(member.close(closes.SLOW))
        # A quiet room has no other tick that could help a socket which fell behind.
        if room.tick.has_more or any(member.is_behind or member.stuck_since for member in room.everyone()):
            self.note(room.room_id)

    async def _snapshot(self, room: LocalRoom, member: Member) -> None:
        try:
            reading = await room.reading(member.ticket.language)
        except Exception:
            await asyncio.sleep(RETRY_S)
            self._fall_behind(room, [member])
            raise
        member.offer(reading.snapshot, Lane.STATE)
        if member.ticket.is_staff:
            await self.tell_held(member)

    async def tell_held(self, member: Member) -> None:
        """An operator's socket that is new, or missed frames, hears of all lines that wait for approval."""
        lines = await in_thread(chat.held)(member.ticket.room, member.ticket.language)
        if lines:
            member.offer(frame({"t": "staff", "now": server_ms(), "held": lines}), Lane.STATE)

    async def _read(self, room_id: int, language: str) -> Reading:
        async with self._renderers:
            return await in_thread(recovery.read)(room_id, language)

    async def reading(self, room_id: int, language: str) -> Reading:
        """The room as it is, read after this was asked."""
        room = self.rooms.get(room_id)
        return await (room.reading(language) if room else self._read(room_id, language))

    def _on_event(self, notice: dict[str, Any]) -> None:
        room = self.rooms.get(notice["room"])
        if room is None or notice["seq"] <= room.seq:
            return
        room.wanted.update(notice["panels"])
        room.wanted_seq = max(room.wanted_seq, notice["seq"])
        room.wanted_kind = notice["kind"]
        self.spawn(self._draw(room))

    async def _draw(self, room: LocalRoom) -> None:
        """Draw all panels touched so far once a language and send them at once; events that came meanwhile ride along or follow."""
        async with room.drawing:
            panels, seq, kind = sorted(room.wanted), room.wanted_seq, room.wanted_kind
            if seq <= room.seq:
                return
            room.wanted.clear()
            previous, room.seq = room.seq, seq
            for language, members in list(room.members.items()):
                if not members:
                    continue
                try:
                    async with self._renderers:
                        drawn = await in_thread(recovery.draw)(room.room_id, panels, language)
                except Exception:
                    log.exception("draw_failed", room=room.room_id)
                    self._fall_behind(room, members)  # a state is never lost: a snapshot follows
                    continue
                # `since` tells browsers which numbers this frame covers, so that events drawn together are not taken for a gap.
                message = {"t": "state", "now": server_ms(), "seq": seq, "since": previous or seq - 1, "kind": kind, "panels": drawn}
                built = frame(message)
                self._fall_behind(room, [member for member in list(members) if not member.offer(built, Lane.STATE)])
            if any(member.is_lagging for member in room.everyone()):
                self.note(room.room_id)

    def _fall_behind(self, room: LocalRoom, members: Iterable[Member]) -> None:
        """These sockets get one snapshot as soon as they can take it; the room's ticks look after that."""
        behind = list(members)
        for member in behind:
            member.is_behind = True
        if behind:
            self.note(room.room_id)

    def _on_kill(self, notice: dict[str, Any]) -> None:
        """A ban or a log-out ends the matching sockets now, and voids the tickets they could come back with."""
        code = _CODES.get(notice.get("reason", ""), closes.REFUSED)
        self._voided.note(notice, code)
        for room in list(self.rooms.values()):
            for member in room.everyone():
                if self._voided.code_for(member.ticket):
                    self.spawn(member.close(code))

    def refusal_of(self, ticket: Ticket) -> int:
        """The close code for whoever may not join now: the process is leaving, or a ban or log-out voided the ticket; 0: she may."""
        return closes.RESTART if self.is_leaving else self._voided.code_for(ticket)

    async def send_away(self) -> None:
        """Close every socket with a code that makes its page come back, a few at a time: the other processes take them in turn."""
        members = [member for room in self.rooms.values() for member in room.everyone()]
        random.shuffle(members)
        pause_s = min(0.05, SEND_AWAY_S * SEND_AWAY_AT_ONCE / max(len(members), 1))
        for start in range(0, len(members), SEND_AWAY_AT_ONCE):
            await asyncio.gather(
                *[member.send_away(closes.RESTART) for member in members[start : start + SEND_AWAY_AT_ONCE]], return_exceptions=True
            )
            await asyncio.sleep(pause_s)

    async def _recall(self) -> bool:
        """Bans and log-outs that this process did not hear void tickets all the same; False when the database could not tell."""
        try:
            missed = await in_thread(_sent_away_lately)()
        except DatabaseError as error:
            log.warning("hub_recall_failed", error=str(error))
            return False
        for notice in missed:
            self._on_kill(notice)
        return True

    async def _refresh_all(self) -> None:
        """The bus was away: send away who was banned meanwhile, and draw every panel of every local room as it is now."""
        for room in list(self.rooms.values()):
            self._fall_behind(room, room.everyone())
        while not await self._recall():  # noqa: ASYNC110 - the pool's old connections may all be dead ones
            await asyncio.sleep(RETRY_S)

    def _on_talk(self, notice: dict[str, Any]) -> None:
        """A moderator's decision: lines to take away, or to show after all."""
        if notice["room"] not in self.rooms:
            return
        if notice.get("gone"):
            self.note(notice["room"], gone=notice["gone"])
        if notice.get("shown"):
            self.spawn(self._show_lines(notice["room"], notice["shown"]))

    async def _show_lines(self, room_id: int, public_ids: list[str]) -> None:
        lines = await in_thread(recovery.lines)(room_id, public_ids)
        self.note(room_id, chat=lines)

    def _on_yours(self, notice: dict[str, Any]) -> None:
        """Something of these people's own changed in a room: their pages ask for their cards."""
        room, people = self.rooms.get(notice["room"]), set(notice["people"])
        for member in room.everyone() if room else ():
            if member.ticket.user_public_id in people:
                member.offer(frame({"t": "yours", "now": server_ms()}), Lane.STATE)

    def _on_news(self, message: dict[str, Any]) -> None:
        if message["type"] == "hub.note":
            self.note(message["room"], **message["news"])
        elif message["type"] == "hub.staff":
            self.tell_staff(message["room"], message["message"])

    def spawn(self, errand: Any) -> None:
        """Run it in this loop; a failure is logged."""
        # Whoever caused it: an errand of the hub belongs to no one socket's log lines.
        task = asyncio.get_running_loop().create_task(errand, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("hub_errand_failed", exc_info=task.exception())


hub = Hub()


async def refuse_joins() -> None:
    """This process is about to stop: who comes now is sent to another one."""
    hub.is_leaving = True


async def send_away() -> None:
    """Close this process's sockets."""
    await hub.send_away()


def _sent_away_lately() -> list[dict[str, Any]]:
    return sanctions.sent_away_since(now() - timedelta(seconds=settings.JOIN_TICKET_TTL_S))
