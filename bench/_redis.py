"""A Redis gate, as flash sales are often built: a Lua script decides over stock and buyers in memory. Nothing is durable."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

GATE = """
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 2 end
if tonumber(redis.call('GET', KEYS[1])) <= 0 then return 0 end
redis.call('DECR', KEYS[1])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
"""
CONNECTIONS = 64
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    is_won: bool


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A Redis of our own without persistence; its URL, or "" where redis-server is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield ""
        return
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", folder, "--loglevel", "warning"]
        process = subprocess.Popen([program, "--port", str(port), *quiet], stdout=subprocess.DEVNULL)
        try:
            _wait(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


class PerTap:
    """One call a tap over a pool of connections, as the client library offers it."""

    def __init__(self, address: str, units: int) -> None:
        from redis import asyncio as redis

        pool = redis.BlockingConnectionPool.from_url(address, max_connections=CONNECTIONS, timeout=None)
        self.redis = redis.Redis(connection_pool=pool)
        self.units = units

    async def __aenter__(self) -> Self:
        await self.redis.flushall()
        await self.redis.set("stock", self.units)
        self.gate = await self.redis.script_load(GATE)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.redis.aclose()

    async def sold(self) -> int:
        return int(await self.redis.scard("buyers"))

    async def claim(self, user_id: int) -> Answer:
        return Answer(await self._call(self.redis, user_id) == 1)

    async def _call(self, on: Any, user_id: int) -> int:
        return int(await on.evalsha(self.gate, 2, "stock", "buyers", user_id))


class Pipelined(PerTap):
    """The same gate, what waits sent as one pipeline: as well as it can be done."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.waiting: list[tuple[int, asyncio.Future[Answer]]] = []
        self.wake = asyncio.Event()
        self.tasks = [asyncio.create_task(self._send_forever()) for _ in range(2)]
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await super().__aexit__(*error)

    async def claim(self, user_id: int) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.waiting.append((user_id, answer))
        self.wake.set()
        return await answer

    async def _send_forever(self) -> None:
        while True:
            await self.wake.wait()
            await asyncio.sleep(0)
            batch, self.waiting = self.waiting[:BATCH], self.waiting[BATCH:]
            if not self.waiting:
                self.wake.clear()
            if not batch:
                continue
            pipeline = self.redis.pipeline(transaction=False)
            for user_id, _answer in batch:
                pipeline.evalsha(self.gate, 2, "stock", "buyers", user_id)
            for (_user_id, answer), code in zip(batch, await pipeline.execute(), strict=True):
                answer.set_result(Answer(code == 1))
