"""The socket `/ws/live/<room>`: joins by ticket, hands commands to their handlers, and never lets one wait for another.

A plain ASGI application: Channels' consumer costs a worker-thread hop and a channel for each socket, which is what made
the usual way of broadcasting five to thirty times slower.
"""

import asyncio
import json
import secrets
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

import structlog
from django.conf import settings
from django.utils import translation

from accounts import identity
from accounts.models import IdentityKind
from liveshop import wiring
from liveshop.clock import server_ms
from liveshop.refusals import Code, Refused, as_json
from liveshop.threads import in_thread
from rooms import presence
from rooms.models import Room
from rooms.realtime import closes, sinks
from rooms.realtime.connection import Connection
from rooms.realtime.figures import JOINS, REFUSED_JOINS
from rooms.realtime.frames import frame
from rooms.realtime.gate import gate
from rooms.realtime.hub import hub
from rooms.realtime.localroom import LocalRoom
from rooms.realtime.members import Lane, Member
from rooms.realtime.meter import meter
from rooms.realtime.sinks import Send, sink_for
from rooms.realtime.tickets import BadTicket, Ticket, read

MAX_CHARS = 4096
MAX_COMMANDS = 40  # in any ten seconds; a person tapping as fast as she can stays below
WINDOW_S = 10.0
MAX_AT_WORK = 8
CLAIMS_FIRST_S = 3.0  # the engine has the same patience, and says it better
MAX_STRIKES = 20
log = structlog.get_logger(__name__)


async def live(scope: dict[str, Any], receive: Any, send: Send) -> None:
    """One socket from handshake to close."""
    await receive()
    query = parse_qs(scope["query_string"].decode("ascii", "replace"))
    await send({"type": "websocket.accept"})
    try:
        ticket = read(query.get("ticket", [""])[0], scope["url_route"]["kwargs"]["room"])
    except BadTicket:
        await send({"type": "websocket.close", "code": closes.TICKET})
        return
    structlog.contextvars.bind_contextvars(room=ticket.room_public_id, socket=secrets.token_hex(4))
    await hub.start()
    meter.start()
    if refusal := hub.refusal_of(ticket):
        await sinks.close(send, refusal)
        return
    inside = {"person": ticket.person, "address": (scope.get("client") or [""])[0]}
    if not gate.enter(**inside):
        REFUSED_JOINS.inc()
        await sinks.close(send, closes.TOO_MANY)
        return
    try:
        await _attend(ticket, send, receive)
    finally:
        gate.leave(**inside)


async def _attend(ticket: Ticket, send: Send, receive: Any) -> None:
    """A socket that was let in, until it closes."""

    async def close(code: int) -> None:
        await sinks.close(send, code)

    member = Member(ticket, sink_for(send), close)
    connection = Connection(
        room_id=ticket.room,
        room_public_id=ticket.room_public_id,
        user_id=ticket.user,
        user_public_id=ticket.user_public_id,
        device=ticket.device,
        language=ticket.language,
        is_staff=ticket.is_staff,
        is_counted=ticket.is_counted,
        person=ticket.person,
        phone_digest=bytes.fromhex(ticket.phone) if ticket.phone else None,
        device_digest=identity.digest(IdentityKind.DEVICE, ticket.device) if ticket.device else None,
    )
    try:
        room = await hub.join(member)
        JOINS.inc()
        if ticket.is_counted:
            presence.enter(ticket.room, ticket.person, ticket.channel)
        await _greet(room, member)
        if ticket.is_staff:
            hub.spawn(hub.tell_held(member))
        await Session(connection, member).listen(receive)
    finally:
        await hub.leave(member)
        if ticket.is_counted and not hub.holds(ticket.room, ticket.person):
            presence.leave(ticket.room, ticket.person)


async def _greet(room: LocalRoom, member: Member) -> None:
    """Tell the room's `seq`.

    The process asks the database once a room, before the first greeting. Asking again later could step over an event whose
    notice is still on its way to sockets that were greeted before it.
    """
    if room.numbering is None or (room.numbering.done() and (room.numbering.cancelled() or room.numbering.exception())):
        room.numbering = asyncio.get_running_loop().create_task(_number(room))
    await asyncio.shield(room.numbering)
    member.offer(frame({"t": "hello", "now": server_ms(), "seq": room.seq, "spread": gate.spread_ms}), Lane.STATE)


async def _number(room: LocalRoom) -> None:
    room.seq = max(room.seq, await in_thread(_seq_of)(room.room_id))


def _seq_of(room_id: int) -> int:
    return int(Room.objects.values_list("seq", flat=True).get(pk=room_id))


class Session:
    """The commands of one socket: each slow one is a task of its own, a few at a time."""

    def __init__(self, connection: Connection, member: Member) -> None:
        self.connection = connection
        self.member = member
        self.at_work = member.at_work
        self.strikes = 0
        self.window_began = time.monotonic()
        self.in_window = 0

    async def listen(self, receive: Any) -> None:
        """Until the socket closes."""
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                if not self.member.is_closing:  # no answer could follow the close code: she asks the next process
                    self._take(message.get("text"))
                if self.strikes > MAX_STRIKES:
                    await self.member.close(closes.ABUSE)
                    return
        finally:
            for task in self.at_work:
                task.cancel()

    def _take(self, text: str | None) -> None:
        command = _parse(text)
        if command is None:
            self.strikes += 1
            self._refuse("", Refused(Code.INVALID, why="…"))
            return
        key = str(command.get("id", ""))[:64]
        if not self._has_allowance() or len(self.at_work) >= MAX_AT_WORK:
            self.strikes += 1
            self._refuse(key, Refused(Code.RATE_LIMITED, wait_s=1))
            return
        if self._is_answered_at_once(key, command):
            return
        task = asyncio.get_running_loop().create_task(self._handle(key, command))
        self.at_work.add(task)
        task.add_done_callback(self.at_work.discard)

    def _is_answered_at_once(self, key: str, command: dict[str, Any]) -> bool:
        """In a burst most taps are refused from memory: those need no task."""
        path = wiring.SOCKET_AT_ONCE.get(command["c"])
        if path is None:
            return False
        try:
            wiring.load(path)(self.connection, command)
        except Refused as refused:
            self._refuse(key, refused)
            return True
        return False

    def _has_allowance(self) -> bool:
        now = time.monotonic()
        if now - self.window_began > WINDOW_S:
            self.window_began, self.in_window = now, 0
            self.strikes = max(0, self.strikes - 1)
        self.in_window += 1
        return self.in_window <= MAX_COMMANDS

    async def _handle(self, key: str, command: dict[str, Any]) -> None:
        structlog.contextvars.bind_contextvars(command=command["c"], **({"claim": key} if command["c"] == "claim" else {}))
        with translation.override(self.connection.language):
            try:
                handler = wiring.load(wiring.SOCKET_COMMANDS[command["c"]])
                async with asyncio.timeout(settings.DATABASE_PATIENCE_S + CLAIMS_FIRST_S):
                    answer = await handler(self.connection, command)
            except Refused as refused:
                self._refuse(key, refused)
                return
            except TimeoutError:
                log.warning("command_gave_up")  # the database is frozen; what it does later is done once, by its key
                self._refuse(key, Refused(Code.UNAVAILABLE))
                return
            except Exception:
                incident = uuid.uuid4().hex[:8]
                log.exception("command_failed", incident=incident)
                self._refuse(key, Refused(Code.UNAVAILABLE, incident=incident))
                return
        if answer is not None:
            self._send({"t": "reply", "id": key, "ok": True, **answer})

    def _refuse(self, key: str, refused: Refused) -> None:
        html = refused.facts.pop("html", None)  # the card stands beside the refusal, not in it, too
        with translation.override(self.connection.language):
            told = as_json(refused)
        self._send({"t": "reply", "id": key, "ok": False, "refused": told, **({"html": html} if html else {})})

    def _send(self, message: dict[str, Any]) -> None:
        if not self.member.offer(frame({"now": server_ms(), **message}), Lane.STATE):
            hub.note(self.connection.room_id)  # the room's ticks look after whoever is behind


def _parse(text: str | None) -> dict[str, Any] | None:
    """The command, or None for anything but a small JSON object with a known name."""
    if text is None or len(text) > MAX_CHARS:
        return None
    try:
        command = json.loads(text)
    except (ValueError, RecursionError):
        return None
    known = isinstance(command, dict) and isinstance(command.get("c"), str) and command["c"] in wiring.SOCKET_COMMANDS
    return command if known else None
