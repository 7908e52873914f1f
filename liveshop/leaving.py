"""Leaving well: a server process that is asked to stop answers what it has, sends its sockets away in turn, and only then stops.

So a site of several processes can be restarted one by one without losing a claim, an order or a viewer's place.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from liveshop import wiring

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
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
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._finish())

    async def _finish(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
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
        """`bin/run` gave us a pipe to say that the application is loaded."""
        pipe = os.environ.pop("READY_FD", "")
        if pipe:
            os.write(int(pipe), b"1")
            os.close(int(pipe))
