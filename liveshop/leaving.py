"""Leaving well: a server process that is asked to stop answers what it has, sends its sockets away in turn, and only then stops.

So a site of several processes can be restarted one by one without losing a claim, an order or a viewer's place.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import structlog
from django.db import connection

from liveshop import health, metrics, wiring

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
LINGER_S = 0.5  # who was accepted just now has not asked yet
READY_WAIT_S = 15.0
PATIENCE_S = 8.0  # below the ten seconds after which `bin/run` and systemd kill
log = structlog.get_logger(__name__)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that changes in many places; used once in a process's life."""
    while not is_so():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


class Leaving:
    """Wraps the ASGI application; counts the requests at work and takes SIGTERM over from the server until they are done."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._at_work = 0
        self._server_stops: Any = None
        self._task: asyncio.Task[None] | None = None
        self._tell_ready()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self._take_signal()
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        self._at_work += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._at_work -= 1

    def _take_signal(self) -> None:
        if self._server_stops is not None:
            return
        self._server_stops = signal.getsignal(signal.SIGTERM)
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave)
        except (RuntimeError, ValueError):
            return  # not the main thread's loop: whoever runs it stops it

    def _leave(self) -> None:
        health.Stopping.is_set = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._finish())

    async def _finish(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        _stop_accepting(getattr(self._server_stops, "__self__", None))
        await asyncio.sleep(LINGER_S)
        for path in wiring.LEAVING:
            try:
                async with asyncio.timeout(max(0.1, deadline - time.monotonic())):
                    await wiring.load(path)()
            except TimeoutError:
                log.warning("leaving_unfinished", step=path)
            except Exception:
                log.exception("leaving_failed", step=path)
        await until(lambda: not self._at_work or time.monotonic() > deadline)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self._server_stops)
        os.kill(os.getpid(), signal.SIGTERM)

    def _tell_ready(self) -> None:
        """`bin/run` gave us a pipe, or systemd a socket, to say that we can serve; what replaces another waits for that."""
        pipe, notify = os.environ.pop("READY_FD", ""), os.environ.pop("NOTIFY_SOCKET", "")
        if not pipe and not notify:
            return
        with ThreadPoolExecutor(1) as apart:  # some servers load the application inside their loop
            is_ready = apart.submit(_is_ready).result()
        if is_ready and pipe:
            os.write(int(pipe), b"1")
        if is_ready and notify:
            _notify(notify)
        if pipe:
            os.close(int(pipe))
        metrics.sample_forever()


def _stop_accepting(owner: Any) -> None:
    """Close our copies of the listening sockets: new people go to who inherited the same. `owner` of the server's own handler of
    SIGTERM is uvicorn's server or Daphne's reactor; without either, new people are answered until the end.
    """
    for server in getattr(owner, "servers", ()):
        server.close()
    for reader in owner.getReaders() if hasattr(owner, "getReaders") else ():
        if hasattr(reader, "stopListening"):
            reader.stopListening()


def _is_ready() -> bool:
    """Whether `/readyz` says so. After a while we serve all the same, so that people read why they wait."""
    deadline = time.monotonic() + READY_WAIT_S
    try:
        while reason := health.unready():
            if time.monotonic() > deadline:
                log.warning("not_ready", reason=reason)
                return False
            time.sleep(0.3)
    finally:
        connection.close()
    return True


def _notify(address: str) -> None:
    """systemd's protocol."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)
