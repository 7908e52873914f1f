"""`bin/run`: from nothing to a site that sells, one line a step; Ctrl-C stops everything it started.

Every failure a person can meet (port in use, no disk, broken database, unsafe settings) ends in one line that says what to do.
"""

import argparse
import contextlib
import fcntl
import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType

from liveshop import children, fleet, homes, servers
from liveshop.children import Child
from liveshop.postgres import DatabaseUnavailable, EmbeddedPostgres
from liveshop.preparing import DEMO_COMMANDS, MANAGE, CannotRun, load_settings, prepare, prepare_site, secret_key
from liveshop.saying import greet, login_lines, say, step

WATCH_S = 1.0
PID_FILE = "run.pid"
MOST_PROCESSES = 32
READY_S = 90


def main() -> int:
    """Prepare, serve, watch until a signal, stop. Returns the exit code."""
    asked = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    running: list[Child] = []
    database: EmbeddedPostgres | None = None
    home = homes.data_home()
    try:
        if asked.restart:
            return restart(home)
        redis = fleet.need_redis(home) if asked.processes > 1 else None
        settings, database = prepare(home)
        logins = login_lines(settings)  # before the others talk in between
        serve(settings, running, asked, redis)
        with announced(home):
            greet(settings, time.monotonic() - started, logins)
            watch(running, database)
    except KeyboardInterrupt:
        return 0
    except (CannotRun, fleet.CannotServe, DatabaseUnavailable, children.KeepsDying) as problem:
        return _fail(str(problem))
    except OSError as problem:
        return _fail(f"{problem.strerror or problem}: {problem.filename or home}")
    finally:
        shut(running, database)
    return 0


def restart(home: Path) -> int:
    """Let the running site replace its server processes one by one, as after an update. Raises CannotRun."""
    process = running_site(home)
    os.environ.setdefault("SECRET_KEY", secret_key(home))
    os.environ.setdefault("PACKED_STATIC", "1")
    prepare_site(load_settings(), home)
    os.kill(process, signal.SIGUSR1)
    say("the site replaces its server processes one by one; its own output tells each")
    return 0


def running_site(home: Path) -> int:
    """The process that serves this data folder; a number left by one that is gone may be anybody's. Raises CannotRun."""
    with contextlib.suppress(OSError, ValueError), (home / PID_FILE).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read())
    raise CannotRun(f"no site runs with the data in {home}: start it with bin/run")


@contextlib.contextmanager
def announced(home: Path) -> Iterator[None]:
    """Tells which process serves this data folder, locked for as long as it does. Raises CannotRun when another one does."""
    with (home / PID_FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun(f"another site runs with the data in {home}: stop it, or set LIVESHOP_HOME") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def serve(settings: ModuleType, running: list[Child], asked: argparse.Namespace, redis: Child | None) -> None:
    """Start the servers, the worker and, on a demo site, the crowd; returns when pages are served. Raises CannotRun."""
    fleet.share_out(settings.DATABASE_URL, asked.processes)
    if redis:
        running.append(redis)
        redis.start()
    listening = servers.listen(settings.BIND, settings.PORT, asked.processes)
    at = {"host": settings.BIND, "port": settings.PORT, "behind_proxy": settings.BEHIND_TLS}
    server_processes = fleet.build(listening, with_uvicorn=asked.uvicorn, **at)
    others = fleet.beside(MANAGE, carries_video=settings.VIDEO_TIER == "embedded")
    if settings.DEMO and (DEMO_COMMANDS / "demo_crowd.py").exists():
        others.append(Child("demo crowd", [*MANAGE, "demo_crowd"], once=True))
    kind = "uvicorn" if asked.uvicorn else "Daphne"
    with step(f"server: {kind} on port {settings.PORT}" + (f", {asked.processes} processes" if asked.processes > 1 else "")):
        for server in server_processes:
            running.append(server)
            server.start()
        for server in server_processes:
            if not server.is_ready(READY_S):
                raise CannotRun(f"the {server.name} did not get ready; what it printed is above")
        await_pages(settings, server_processes[0])
    with step("at its side: " + ", ".join(child.name for child in others)):
        for child in others:
            running.append(child)
            child.start()


def watch(running: list[Child], database: EmbeddedPostgres | None) -> None:
    """Until a signal: children that die are started again, and so is a killed database; SIGUSR1 or SIGHUP replaces the servers."""
    wanted, had_terminal = threading.Event(), has_terminal()

    def hang_up(number: int, frame: FrameType | None) -> None:
        """The end when the terminal that it was started from is gone, as for any program."""
        if had_terminal and not has_terminal():
            raise KeyboardInterrupt
        wanted.set()

    signal.signal(signal.SIGHUP, hang_up)
    signal.signal(signal.SIGUSR1, lambda _number, _frame: wanted.set())
    while True:
        wanted.wait(WATCH_S)
        if wanted.is_set():
            wanted.clear()
            try:
                fleet.replace(running, say)
            except fleet.FleetStuck as problem:
                say(str(problem))
        if database and not database.is_listening():
            say("the database is gone; starting it again")
            database.revive()
        for child in running:
            told = child.watch()
            if told:
                say(told)


def has_terminal() -> bool:
    """Whether this process still has a terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def shut(running: list[Child], database: EmbeddedPostgres | None) -> None:
    """Stop what was started; a second Ctrl-C does not leave half of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if running:
        say("stopping")
    children.stop_all(running)
    if database:
        database.stop()
    if running:
        say("stopped; the data stays")


def await_pages(settings: ModuleType, server: Child) -> None:
    """Until `/healthz` answers. Raises CannotRun."""
    hosts = [host for host in settings.ALLOWED_HOSTS if host != "*"]
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if server.process and server.process.poll() is not None:
            raise CannotRun(f"the server ended at once with code {server.process.returncode}; what it printed is above")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(f"{servers.own_host(settings.BIND)}:{settings.PORT}", timeout=5)
            connection.request("GET", "/healthz", headers={"Host": hosts[0].lstrip(".") if hosts else "localhost"})
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        time.sleep(0.1)
    raise CannotRun(f"the server did not answer on port {settings.PORT} within {READY_S} s")


def _fail(why: str) -> int:
    print(f"liveshop: {why}", file=sys.stderr, flush=True)  # noqa: T201
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/run", description="Run the whole site here. Settings come from the environment: docs/settings.md"
    )
    parser.add_argument("--uvicorn", action="store_true", help="serve with uvicorn instead of Daphne")
    parser.add_argument("--processes", type=int, default=os.environ.get("PROCESSES") or "1", help="so many server processes (PROCESSES)")
    parser.add_argument("--restart", action="store_true", help="replace the servers of the running site one by one, then return")
    asked = parser.parse_args()
    if not 1 <= asked.processes <= MOST_PROCESSES:
        parser.error(f"--processes is from 1 to {MOST_PROCESSES}")
    return asked


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
