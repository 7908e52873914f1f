"""An anchor's camera through a process that serves pages: its websocket is passed on to the media process, message by message."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from rooms.realtime import closes
from rooms.realtime.sinks import Send
from rooms.video import addresses, doors
from rooms.video.relay import media_connect

WINDOW_S = 10.0
log = structlog.get_logger(__name__)


async def camera(scope: dict[str, Any], receive: Any, send: Send) -> None:
    """One camera. The media process reads the ticket; here only this site's own pages and a bounded rate are let through."""
    await receive()
    await send({"type": "websocket.accept"})
    room = scope["url_route"]["kwargs"]["room"]
    if not _is_own_page(scope) or not doors.ROOM.fullmatch(room):  # it becomes part of a path that is asked as one of ours
        await send({"type": "websocket.close", "code": closes.REFUSED})
        return
    path = f"{addresses.camera_path(room)}?{scope['query_string'].decode('ascii', 'replace')}"
    agent = _header(scope, "user-agent")[:300]
    try:
        async with media_connect(path, user_agent_header=agent or None) as upstream:
            await _pass(upstream, receive, send)
    except (OSError, TimeoutError, WebSocketException) as error:
        log.info("camera_lost", error=str(error)[:120])
        await send({"type": "websocket.close", "code": closes.AWAY})


async def _pass(upstream: ClientConnection, receive: Any, send: Send) -> None:
    out, back = asyncio.ensure_future(_outwards(upstream, receive)), asyncio.ensure_future(_back(upstream, send))
    done, waiting = await asyncio.wait([out, back], return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if out in done and (code := out.result()):
        await send({"type": "websocket.close", "code": code})


async def _outwards(upstream: ClientConnection, receive: Any) -> int:
    """Until the browser closes: 0; a close code for a browser that sends more than any camera does."""
    loop = asyncio.get_running_loop()
    began, size = loop.time(), 0
    most = settings.STREAM_KBPS_MAX * 125 * WINDOW_S * 1.5
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            await upstream.close(1000 if message.get("code") in (1000, 1001, 1005) else 4000)
            return 0
        content = message.get("bytes") or message.get("text") or ""
        if loop.time() - began > WINDOW_S:
            began, size = loop.time(), 0
        size += len(content)
        if size > most:
            return closes.ABUSE
        try:
            await upstream.send(content)
        except ConnectionClosed:
            return 0


async def _back(upstream: ClientConnection, send: Send) -> None:
    """What the media process says, and its close code."""
    try:
        async for message in upstream:
            if isinstance(message, str):
                await send({"type": "websocket.send", "text": message})
    except ConnectionClosed:
        pass
    await send({"type": "websocket.close", "code": upstream.close_code if (upstream.close_code or 0) >= 3000 else closes.AWAY})


def _is_own_page(scope: dict[str, Any]) -> bool:
    return urlsplit(_header(scope, "origin")).netloc == _header(scope, "host")


def _header(scope: dict[str, Any], name: str) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name.encode()), "")
