"""The rival of `bench/video.py`: the same stream handed on picture by picture and sound by sound, as HTTP-FLV servers do.

Joins the media process like the site does, cuts each part into as many messages as it has samples and spreads them over its duration.
"""

import asyncio
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liveshop.settings")

import django

django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

from rooms.realtime.frames import Frame
from rooms.realtime.sinks import sink_for
from rooms.video import addresses, packets
from rooms.video.relay import media_connect

SAMPLES = 14  # in 200 ms: five pictures at 25 a second, nine frames of sound
sinks = set()
feeds: dict[str, asyncio.Task[None]] = {}


async def feed(room: str) -> None:
    async with media_connect(addresses.live_path(room)) as upstream:
        async for message in upstream:
            if isinstance(message, bytes):
                await spread(packets.read(message))


async def spread(packet: packets.Packet) -> None:
    size = len(packet.message) // SAMPLES + 1
    for at in range(0, len(packet.message), size):
        frame = Frame("", packets._wire(packet.message[at : at + size]))
        for sink in sinks:
            sink.write(frame)
        await asyncio.sleep(packet.duration_ms / 1000 / SAMPLES * 0.8)


async def watch(scope, receive, send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    room = scope["url_route"]["kwargs"]["room"]
    if room not in feeds:
        feeds[room] = asyncio.get_running_loop().create_task(feed(room))
    sink = sink_for(send)
    sinks.add(sink)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sinks.discard(sink)


application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("media/live/<str:room>", watch)])}  # type: ignore[arg-type]
)
