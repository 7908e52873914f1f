"""What a viewer may send over the socket: chat, likes, catching up, heartbeats."""

from typing import Any
from uuid import UUID

from accounts.models import User
from liveshop.refusals import Code, Refused
from liveshop.threads import in_thread
from rooms import chat as talk
from rooms import presence
from rooms.models import ChatState, Room
from rooms.realtime.connection import Connection
from rooms.realtime.hub import hub
from rooms.realtime.meter import meter

MAX_LIKES = 60


async def chat(connection: Connection, payload: dict[str, Any]) -> dict[str, Any]:
    """{"id": uuid, "text"} → the line's public id, and its HTML so that the sender always sees his own."""
    text = payload.get("text")
    if not isinstance(text, str):
        raise Refused(Code.INVALID, why="text")
    key = uuid_of(payload)
    async with connection.speaking:  # of two lines the first is said and the second is too fast, never the other way round
        return await in_thread(_say)(connection, key, text)


async def like(connection: Connection, payload: dict[str, Any]) -> None:
    """{"n": taps}; no answer, the total comes with a tick."""
    count = payload.get("n")
    if not connection.user_id:
        raise Refused(Code.LOGIN_REQUIRED)
    if isinstance(count, int) and not isinstance(count, bool):
        meter.like(connection.room_id, connection.person, max(0, min(count, MAX_LIKES)))


async def catch_up(connection: Connection, payload: dict[str, Any]) -> dict[str, Any]:
    """{"seq", "chat"} → one state frame with what was missed."""
    seq = payload.get("seq")
    since = seq if isinstance(seq, int) and not isinstance(seq, bool) else -1
    last_line = str(payload.get("chat") or "")[:16]
    reading = await hub.reading(connection.room_id, connection.language)
    return {"t": "state", "kind": "caught_up", **reading.since(since, last_line)}


async def beat(connection: Connection, payload: dict[str, Any]) -> None:
    """The page is open and visible."""
    if connection.is_counted:
        presence.beat(connection.room_id, connection.person)


def uuid_of(payload: dict[str, Any]) -> UUID:
    """The browser's own key of a command. Raises Refused(INVALID)."""
    try:
        return UUID(str(payload.get("id")))
    except ValueError as error:
        raise Refused(Code.INVALID, why="id") from error


def _say(connection: Connection, key: UUID, text: str) -> dict[str, Any]:
    user = User.objects.filter(pk=connection.user_id, is_active=True).first()
    if user is None:
        raise Refused(Code.LOGIN_REQUIRED)
    room = Room.objects.select_related("anchor").get(pk=connection.room_id)
    line = talk.say(room=room, user=user, key=key, text=text, device=connection.device)
    if line.state == ChatState.SHOWN:
        return {"line": line.public_id, "html": talk.as_news(line)["html"]}
    return {"held": True}
