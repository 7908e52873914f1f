"""Notices between processes, sent by PostgreSQL with the commit that they tell of.

A notice leaves with its transaction or not at all, and reaches every process that listens: pages, worker and crowd alike,
without Redis. Why this and not a publish after the commit: docs/decisions/0001-notify-for-state.md.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from contextvars import Context
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.db import connection

from liveshop import metrics
from liveshop.clock import server_ms

CHANNEL = "liveshop"
MAX_BYTES = 7900  # PostgreSQL refuses payloads of 8000 bytes
RETRY_S = 0.5
RECONNECTED = "reconnected"

Callback = Callable[[dict[str, Any]], None]
log = structlog.get_logger(__name__)


def notify_in_tx(topic: str, payload: dict[str, Any]) -> None:
    """Send `payload` to every process when the caller's transaction commits.

    Raises RuntimeError outside a transaction, ValueError for a payload PostgreSQL would not carry.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("notify_in_tx needs the caller's transaction")
    text = json.dumps({"topic": topic, "at": server_ms(), **payload}, separators=(",", ":"))
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(f"a notice of {len(text)} characters is too long")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, text])


class Bus:
    """One listening connection of one process. After a reconnect each subscriber of `RECONNECTED` hears so: it may have missed notices."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = defaultdict(list)
        self._task: asyncio.Task[None] | None = None
        self.is_listening = asyncio.Event()

    def subscribe(self, topic: str, callback: Callback) -> None:
        """`callback(payload)` runs in the event loop for each notice of the topic; it must not block."""
        self._callbacks[topic].append(callback)

    def start(self) -> None:
        """Begin to listen in the running event loop; a second call does nothing."""
        if self._task is None or self._task.done():
            # In a context of its own, else its log lines would carry the ids of the first socket for ever.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def stop(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        may_have_missed = False
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(dsn(), autocommit=True) as listening:
                    await listening.execute(f"LISTEN {CHANNEL}")
                    self.is_listening.set()
                    if may_have_missed:
                        self._tell(RECONNECTED, {})
                    may_have_missed = True
                    async for notice in listening.notifies():
                        payload = json.loads(notice.payload)
                        metrics.BUS_LAG.observe(max(0, server_ms() - payload.pop("at", 0)) / 1000)
                        self._tell(payload.pop("topic"), payload)
            except psycopg.Error as error:
                log.warning("bus_lost", error=str(error))
            may_have_missed = True
            self.is_listening.clear()
            await asyncio.sleep(RETRY_S)

    def _tell(self, topic: str, payload: dict[str, Any]) -> None:
        for callback in self._callbacks[topic]:
            try:
                callback(payload)
            except Exception:
                log.exception("bus_callback_failed", topic=topic)


def dsn() -> str:
    """The database's address for connections outside Django's pool, with everything that `DATABASE_URL` says, such as `sslmode`."""
    given = settings.DATABASES["default"]
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    named = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "password": given["PASSWORD"], "dbname": given["NAME"]}
    more = {name: value for name, value in given.get("OPTIONS", {}).items() if name in known}
    return psycopg.conninfo.make_conninfo(**{name: value for name, value in {**more, **named}.items() if value})


bus = Bus()


def subscribe(topic: str, callback: Callback) -> None:
    """Subscribe to this process's bus."""
    bus.subscribe(topic, callback)
