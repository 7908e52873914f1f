"""The server processes of one site: they share one port, and are replaced one by one without refusing anybody."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from liveshop import redisprobe, servers
from liveshop.children import Child

WORKER = "job worker"
STATEMENT_TIMEOUT_S = "15"  # a page that takes longer helps nobody; jobs and commands have no limit
READY_S = 90.0
SETTLE_S = 0.5  # a server that cannot listen ends at once after it was loaded
POOL_MOST = 12
POOL_LEAST = 3
BESIDE_POOL = 5  # connections of a server process that are not in its pool: the bus and the claim engine
BESIDE_SERVERS = 24  # job worker, live video, crowd, commands


class CannotServe(RuntimeError):
    """Why several processes cannot be started, in one line that begins with its code."""


class FleetStuck(RuntimeError):
    """A new server process did not come up; the old ones go on."""


def build(listening: list[int], *, host: str, port: int, behind_proxy: bool, with_uvicorn: bool) -> list[Child]:
    """A server process for each inherited descriptor that listens, not started yet."""
    command_of = servers.uvicorn if with_uvicorn else servers.daphne
    environment = {"DB_STATEMENT_TIMEOUT_S": os.environ.get("DB_STATEMENT_TIMEOUT_S", STATEMENT_TIMEOUT_S)}
    if len(listening) > 1:  # so that any of them can tell the figures of all
        environment["PROMETHEUS_MULTIPROC_DIR"] = figures = tempfile.mkdtemp(prefix="liveshop-figures-")
        atexit.register(shutil.rmtree, figures, ignore_errors=True)
    built = []
    for number, fd in enumerate(listening, 1):
        name = "server" if len(listening) == 1 else f"server {number}"
        command = command_of(host=host, port=port, fd=fd, behind_proxy=behind_proxy)
        built.append(Child(name, command, pass_fds=(fd,), tells_ready=True, environment=environment))
    return built


def beside(manage: list[str], *, carries_video: bool) -> list[Child]:
    """What runs beside the servers, not started yet: the job worker and, unless another server carries it, live video."""
    worker = Child(WORKER, [*manage, "procrastinate", "worker", "--concurrency", "8"])
    return [worker, Child("live video", [*manage, "livemedia"])] if carries_video else [worker]


def share_out(url: str, count: int) -> None:
    """Each process's part of the database's connections, unless DB_POOL_MAX says otherwise. Raises CannotServe."""
    if count > 1 and "DB_POOL_MAX" not in os.environ:
        os.environ["DB_POOL_MAX"] = str(pool_size(url, count))


def pool_size(url: str, count: int) -> int:
    """Connections a pool may hold so that all processes, and one more during a restart, fit into the database. Raises CannotServe."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int"
        ).fetchone()
    most, reserved = row or (0, 0)
    each: int = min(POOL_MOST, (most - reserved - BESIDE_SERVERS) // (count + 1) - BESIDE_POOL)
    if each < POOL_LEAST:
        needed = (POOL_LEAST + BESIDE_POOL) * (count + 1) + BESIDE_SERVERS + reserved
        raise CannotServe(
            f"DATABASE_TOO_SMALL: PostgreSQL allows {most} connections and {count} processes need {needed}: "
            "raise max_connections, or run fewer processes"
        )
    return each


def need_redis(home: Path) -> Child | None:
    """What several processes talk through: the Redis of REDIS_URL, else one of our own, not started yet. Raises CannotServe."""
    url = os.environ.get("REDIS_URL", "")
    if not url:
        own = redis_of_our_own(home)
        if own is None:
            raise CannotServe("REDIS_REQUIRED: several processes talk through Redis: set REDIS_URL, or install redis-server")
        return own
    if redisprobe.is_away(url):
        raise CannotServe(f"REDIS_AWAY: Redis at {urlsplit(url).hostname or urlsplit(url).path} does not answer (REDIS_URL)")
    return None


def redis_of_our_own(home: Path) -> Child | None:
    """What carries talk between processes, reached by a socket file in the data folder; None where redis-server is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        return None
    path = home / "redis.sock"
    os.environ["REDIS_URL"] = f"unix://{path}"
    quiet = ["--save", "", "--appendonly", "no", "--logfile", str(home / "redis.log"), "--dir", str(home)]
    return Child("Redis", [program, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", *quiet], is_needed=True)


def replace(running: list[Child], tell: Callable[[str], None]) -> None:
    """One server after the other: the new one is loaded before the old one leaves. Raises FleetStuck."""
    for place, old in enumerate(running):
        if old.name == WORKER:
            old.leave()  # unfinished jobs are done again
            old.start()
            tell(f"the {old.name} was replaced")
        if not old.tells_ready:
            continue
        new = old.successor()
        new.start()
        if not new.is_ready(READY_S) or not new.lives_for(SETTLE_S):
            new.leave()
            raise FleetStuck(f"the new {old.name} did not come up; what it printed is above, and the old ones go on")
        running[place] = new
        old.leave()
        tell(f"the {old.name} was replaced")
