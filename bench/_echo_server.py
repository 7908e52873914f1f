"""The server under test of `bench/autobahn.py`: what it is told it says again, through the writer that the site would choose."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liveshop.settings")

import django

django.setup()

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from rooms.realtime.frames import Frame, header
from rooms.realtime.sinks import sink_for


async def echo(scope, receive, send) -> None:
    """By the room's writer. The portable one writes texts only, for no room sends bytes: those go by ASGI's own `send`."""
    await receive()
    await send({"type": "websocket.accept"})
    sink = sink_for(send)
    while (message := await receive())["type"] == "websocket.receive":
        text, data = message.get("text"), message.get("bytes")
        if text is not None:
            payload = text.encode()
            sink.write(Frame(text, header(len(payload)) + payload))
        elif sink.name == "portable":
            await send({"type": "websocket.send", "bytes": data})
        else:
            sink.write(Frame("", b"\x82" + header(len(data))[1:] + data))


application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": echo})
