"""The media process: RTMP in; websocket, HLS and health out over a local socket; one row in the database that says how it is."""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path
from django.utils import timezone

from liveshop import homes
from liveshop.servers import UVICORN_WEBSOCKETS
from liveshop.threads import in_thread
from rooms.realtime.hub import hub
from rooms.realtime.tickets import Ticket
from rooms.video import ingest, routing
from rooms.video.channel import Channel
from rooms.video.filming import Studio
from rooms.video.models import MediaServer
from rooms.video.station import Station
from rooms.video.stills import FRESH_S, Stills, newest

REPORT_S = 5.0
RETRY_S = 3.0
MESSAGE_CAP_BYTES = 1 << 20
log = structlog.get_logger(__name__)


class StationSource:
    """The station's own channels."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self._stills = Stills(self._draw, FRESH_S)

    async def attach(self, room: str) -> Channel:
        await hub.start()
        return self.station.channel(room)

    def detach(self, channel: Channel) -> None:
        self.station.forget_if_idle(channel)

    async def look(self, room: str) -> Channel:
        return self.station.channel(room)

    async def still(self, room: str) -> bytes:
        return await self._stills.of(room)

    async def _draw(self, room: str) -> bytes:
        channel = self.station.channel(room)
        try:
            wanted = newest(channel)
            return await self.station.decoder.picture(*wanted) if wanted else b""
        finally:
            self.station.forget_if_idle(channel)

    def refusal_of(self, ticket: Ticket) -> int:
        return hub.refusal_of(ticket)


def application(station: Station) -> Any:
    """What the media process answers over HTTP."""
    source = StationSource(station)

    async def health(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps({"ok": True, **station.status()}).encode()})

    pages = URLRouter([*routing.requests(source), path("healthz", health)])  # type: ignore[arg-type]
    return ProtocolTypeRouter({"http": pages, "websocket": URLRouter(routing.sockets(source, Studio(station).film))})


async def run() -> None:
    """Until a signal."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    homes.make(Path(settings.HOME))
    if settings.MEDIA_SERVER.startswith("unix:"):
        homes.make(Path(settings.MEDIA_SERVER.removeprefix("unix:")).parent)
    with await _only_one(stop):
        if stop.is_set():
            return
        station = Station()
        await station.start()
        server = uvicorn.Server(_web_config(application(station)))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        tasks = [asyncio.create_task(work) for work in (_serve(server), _keep_rtmp(station), stop.wait())]
        done, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await station.stop()
        server.should_exit = True
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()


async def _only_one(stop: asyncio.Event) -> Any:
    """The lock of this data folder; a second media process waits, ready to take over."""
    lock = (Path(settings.HOME) / "livemedia.lock").open("w")
    told = False
    while not stop.is_set():
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        if not told:
            log.warning("media_waits", why="another media process serves this data folder")
            told = True
        await asyncio.sleep(1)
    return lock


async def _serve(server: uvicorn.Server) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        await server._serve()  # `serve` would take the signals, which end recordings first


def _web_config(app: Any) -> uvicorn.Config:
    where: dict[str, Any] = {}
    if settings.MEDIA_SERVER.startswith("unix:"):
        where["uds"] = settings.MEDIA_SERVER.removeprefix("unix:")
    else:
        host, _colon, port = settings.MEDIA_SERVER.rpartition("/")[2].rpartition(":")
        where |= {"host": host, "port": int(port)}
    return uvicorn.Config(
        app,
        ws=UVICORN_WEBSOCKETS,
        ws_per_message_deflate=False,
        ws_max_size=MESSAGE_CAP_BYTES,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
        log_config=None,
        **where,
    )


async def _keep_rtmp(station: Station) -> None:
    """The RTMP port, as soon as it can be had, and the row that tells of it."""
    listening: asyncio.Server | None = None
    while True:
        problem = ""
        if listening is None and settings.RTMP_PORT:
            try:
                listening = await ingest.listen(station, settings.RTMP_BIND, settings.RTMP_PORT, _certificate())
                log.info("rtmp_listens", bind=settings.RTMP_BIND, port=settings.RTMP_PORT)
            except OSError as failure:
                problem = f"{failure.strerror or failure}"[:120]
                log.warning("rtmp_port_not_had", port=settings.RTMP_PORT, why=problem)
        try:
            await in_thread(_report)(station.status(), settings.RTMP_PORT if listening else 0, problem)
        except Exception:
            log.exception("media_not_reported")  # the database may be restarting
        await asyncio.sleep(REPORT_S if listening or not settings.RTMP_PORT else RETRY_S)


def _certificate() -> ssl.SSLContext | None:
    """RTMPS, where a PEM file with certificate and key is named."""
    if not settings.RTMP_CERTIFICATE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.RTMP_CERTIFICATE)
    return context


def _report(status: dict[str, int], rtmp_port: int, problem: str) -> None:
    values = {"seen_at": timezone.now(), "rtmp_port": rtmp_port, "problem": problem, **status}
    MediaServer.objects.update_or_create(name=f"{socket.gethostname()}:{os.fspath(settings.HOME)}"[:80], defaults=values)
