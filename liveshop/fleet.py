"""The server processes of one site: they share one listening socket, and are replaced one by one without refusing anybody."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from liveshop import servers
from liveshop.children import Child

READY_S = 90.0
SETTLE_S = 0.5  # a server that cannot listen ends at once after it was loaded
CONNECTIONS = 60  # of the embedded database's hundred, shared by the processes' pools


class FleetStuck(RuntimeError):
    """A new server process did not come up; the old ones go on."""


def build(listening: int, *, count: int, host: str, port: int, behind_proxy: bool, with_uvicorn: bool) -> list[Child]:
    """The server processes on an inherited descriptor that listens, not started yet."""
    command_of = servers.uvicorn if with_uvicorn else servers.daphne
    command = command_of(host=host, port=port, fd=listening, behind_proxy=behind_proxy)
    names = ["server"] if count == 1 else [f"server {number}" for number in range(1, count + 1)]
    return [Child(name, command, pass_fds=(listening,), tells_ready=True) for name in names]


def share_out(count: int) -> None:
    """Each process's part of the database connections, unless DB_POOL_MAX says otherwise."""
    if count > 1:
        os.environ.setdefault("DB_POOL_MAX", str(max(4, CONNECTIONS // count)))


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
