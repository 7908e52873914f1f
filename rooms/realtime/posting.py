"""What this process has to say in a room, from whatever thread: through its hub, or by the database where no hub runs."""

import asyncio
from typing import Any

from rooms.realtime import hub as hubs  # chat, which the hub reads, says things through this module
from rooms.realtime.layer import by_database


def publish(room_id: int, **news: Any) -> None:
    """Talk or ambience for a room in every process, from any thread; the database has what must not be lost."""
    _post({"type": "hub.note", "room": room_id, "news": news})


def publish_staff(room_id: int, message: dict[str, Any]) -> None:
    """A frame for the operators of a room in every process, from any thread."""
    _post({"type": "hub.staff", "room": room_id, "message": message})


def _post(message: dict[str, Any]) -> None:
    if hubs.hub.loop is None or not hubs.hub.loop.is_running():
        by_database(message)  # a worker or a command beside the server processes
        return
    errand = hubs.hub.layer.send(message)
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is hubs.hub.loop:
        hubs.hub.spawn(errand)
    else:
        asyncio.run_coroutine_threadsafe(errand, hubs.hub.loop)
