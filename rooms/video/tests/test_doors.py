"""The viewers' door: how many places there are, and where the others are sent."""

import asyncio
from typing import Any

import pytest

from rooms.models import Room
from rooms.realtime import closes, tickets
from rooms.video import doors
from rooms.video.channel import Channel
from tests.sockets.conftest import make_ticket


class Doors:
    """The viewers' door of one room, without a server: who is let in, and with which code the others are sent away."""

    def __init__(self, room: Room) -> None:
        self.room, self.channel, self.tasks = room, Channel(room.public_id), set[asyncio.Task[None]]()

    async def attach(self, room: str) -> Channel:
        return self.channel

    def detach(self, channel: Channel) -> None:
        assert channel is self.channel

    def refusal_of(self, ticket: tickets.Ticket) -> int:
        return 0

    async def enter(self, ticket: str) -> int:
        """The close code; 0 for who stays."""
        came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        came.put_nowait({"type": "websocket.connect"})
        closed: list[int] = []

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.close":
                closed.append(message["code"])

        scope = {"query_string": f"ticket={ticket}".encode(), "url_route": {"kwargs": {"room": self.room.public_id}}, "headers": []}
        task = asyncio.create_task(doors.watch(scope, came.get, send, self))  # type: ignore[arg-type]
        self.tasks.add(task)
        await asyncio.wait([task], timeout=0.1)
        return closed[0] if closed else 0


@pytest.mark.django_db
def test_viewers_above_the_limits_are_sent_to_the_next_rung(room: Room, settings: Any) -> None:
    settings.STREAM_VIEWERS_MAX = 10
    one = [make_ticket(room, device="one") for _ in range(doors.MAX_FROM_ONE + 1)]
    others = [make_ticket(room, device=f"d{number}") for number in range(3)]
    staff = make_ticket(room, room.anchor, staff=True)

    async def entering() -> list[int]:
        door = Doors(room)
        found = [await door.enter(ticket) for ticket in [*one, *others, staff]]
        assert len(door.channel.viewers) == 11, "who was sent away takes no place"
        for task in door.tasks:
            task.cancel()
        return found

    full = closes.TOO_MANY
    assert full == 4029
    assert asyncio.run(entering()) == [0] * doors.MAX_FROM_ONE + [full] + [0, 0, full, 0]
