"""The server under test of `bench/fanout.py`: the site's own socket, the usual Channels consumer beside it, and a control socket.

Each message on `/bench/control` makes the process send one event to everybody; the text is the event's number.
"""

import cProfile
import os
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liveshop.settings")

import django

django.setup()

from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

from liveshop import collector
from rooms.realtime.frames import frame
from rooms.realtime.hub import hub
from rooms.realtime.members import Lane
from rooms.realtime.posting import publish
from rooms.routing import websocket_urlpatterns

EVENT_BYTES = 250
GROUP = "bench"


def event(number: int) -> dict[str, str | int]:
    """A message that is EVENT_BYTES long as JSON."""
    message: dict[str, str | int] = {"t": "bench", "n": f"{number:08d}", "pad": ""}
    message["pad"] = "x" * (EVENT_BYTES - len(frame(message).text))
    return message


class StockViewer(AsyncWebsocketConsumer):
    """What the Channels tutorial writes."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def bench_event(self, message: dict[str, str]) -> None:
        await self.send(text_data=message["text"])


class SessionViewer(StockViewer):
    """The same behind sessions: who joins is looked up, as AuthMiddlewareStack does."""

    async def connect(self) -> None:
        self.is_known = self.scope["user"].is_authenticated
        await super().connect()


async def control(scope, receive, send) -> None:
    """Sends one event for each message: "hub 12" by the hub, "stock 12" by the channel layer, "line 12" and "like 12" as a chat
    line and a number of likes in a tick. "sinks" tells the writers in use. "profile FILE" begins a profile of this thread, and the
    second time ends it and writes it down.
    """
    profile = None
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        kind, _, number = message["text"].partition(" ")
        if kind == "hub":
            built = frame(event(int(number)))
            for room in hub.rooms.values():
                room.send(built, Lane.STATE)
        elif kind == "line":
            for room_id in hub.rooms:
                publish(room_id, chat=[{"id": number, "html": f"{time.monotonic():.6f} {'x' * 120}", "key": ""}])
        elif kind == "like":
            for room_id in hub.rooms:
                publish(room_id, numbers={"likes": int(number)})
        elif kind == "stock":
            await get_channel_layer().group_send(GROUP, {"type": "bench.event", "text": frame(event(int(number))).text})
        elif kind == "profile":
            if profile is None:
                profile = cProfile.Profile()
                profile.enable()
            else:
                profile.disable()
                profile.dump_stats(number)
            await send({"type": "websocket.send", "text": "ok"})
        else:
            names = sorted({member.sink.name for room in hub.rooms.values() for member in room.everyone()})
            await send({"type": "websocket.send", "text": ",".join(names)})


application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter(
            [
                path("bench/control", control),
                path("bench/stock", StockViewer.as_asgi()),
                path("bench/session", AuthMiddlewareStack(SessionViewer.as_asgi())),
                *websocket_urlpatterns,
            ]
        ),
    }
)
if not os.environ.get("BENCH_STOCK"):
    collector.tune()  # as liveshop.asgi does; the baselines run on a server as it comes
