"""`bin/run` for real: one clear line for each failure, Ctrl-C leaves nothing, what dies comes back, data stays."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from liveshop.postgres import EmbeddedPostgres
from tests.browser.site import free_port

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder that the database's user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="liveshop-run-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Run:
    """One `bin/run`, without the demo's crowd."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.port = int(environment.get("PORT") or free_port())
        kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
        environment = kept | {"LIVESHOP_HOME": str(home), "PORT": str(self.port), "DEMO": "0", "PYTHONUNBUFFERED": "1"} | environment
        self.log = home / "run.log" if home.is_dir() else Path(tempfile.mkstemp()[1])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "liveshop.runner", *arguments],
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.environment = environment

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def await_ready(self) -> "Run":
        wait_for(lambda: "Ctrl-C stops it" in self.output() or self.process.poll() is not None, 60)
        assert "Ctrl-C stops it" in self.output(), self.output()
        return self

    def answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=3) as answer:
            return answer.status == 200
        return False

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def servers(self) -> list[psutil.Process]:
        """The server processes, oldest first."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):  # it may end while we look
                if any(part in ("daphne", "uvicorn") for part in process.cmdline()):
                    found.append(process)
        return sorted(found, key=lambda process: process.create_time())

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def wait_for(happened: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.1)


def refusal(home: Path, **environment: str) -> str:
    """What `bin/run` says when it does not start: exactly one line on the problem, and no traceback."""
    run = Run(home, **environment)
    assert run.process.wait(60) == 1
    assert "Traceback" not in run.output()
    said = [line for line in run.output().splitlines() if line.startswith("liveshop: ")]
    assert len(said) == 1, run.output()
    return said[0]


class TestLife:
    def test_serves_survives_kills_and_keeps_its_data(self, home: Path) -> None:
        run = Run(home).await_ready()
        assert run.answers()
        database = EmbeddedPostgres(home)
        with psycopg.connect(database.url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")

        server = next(child for child in run.family() if "daphne" in " ".join(child.cmdline()))
        server.kill()
        wait_for(lambda: not run.answers(), 5)
        wait_for(run.answers, 20)
        assert run.answers(), "the server comes back after kill -9"

        os.kill(int((database.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        wait_for(lambda: "the database is gone" in run.output() and run.answers(), 30)
        assert run.answers(), "the database comes back after kill -9"

        family = run.family()
        assert run.stop() == 0
        assert [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
        assert not database.is_listening()

        started = time.monotonic()
        again = Run(home).await_ready()
        assert time.monotonic() - started < 20
        with psycopg.connect(database.url()) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        assert again.stop(signal.SIGTERM) == 0

    def test_a_killed_supervisor_takes_its_children_along(self, home: Path) -> None:
        run = Run(home).await_ready()
        family = [child for child in run.family() if "postgres" not in child.name()]
        assert len(family) >= 2
        run.stop(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=15)
        assert alive == []
        again = Run(home, PORT=str(run.port)).await_ready()
        again.stop()
        assert not EmbeddedPostgres(home).is_listening()


class TestRefusals:
    def test_a_port_in_use(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert re.search(rf"port {port} is in use: .*PORT=", refusal(home, PORT=str(port)))
        assert not (home / "data").exists(), "nothing was started for it"

    def test_a_database_that_is_not_there(self, home: Path) -> None:
        said = refusal(home, DATABASE_URL="postgresql://me@127.0.0.1:1/shop")
        assert "the database cannot be used" in said
        assert "port 1" in said

    def test_a_broken_embedded_database(self, home: Path) -> None:
        EmbeddedPostgres(home).start().stop()
        (home / "data" / "global" / "pg_control").unlink()
        assert re.search(r"does not start: .*pg_control", refusal(home))

    def test_unsafe_production(self, home: Path) -> None:
        said = refusal(home, PRODUCTION="1")
        assert "PRODUCTION is set, but" in said
        assert "ALLOWED_HOSTS" in said

    def test_a_wrong_value(self, home: Path) -> None:
        assert "DB_POOL_MAX" in refusal(home, DB_POOL_MAX="many")
        assert "PRODUCTION" in refusal(home, PRODUCTION="perhaps")

    @pytest.mark.skipif(os.geteuid() != 0, reason="mounting a full disk needs root")
    def test_a_full_disk(self, home: Path) -> None:
        small = home / "small"
        small.mkdir()
        if subprocess.call(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], stderr=subprocess.DEVNULL):
            pytest.skip("this machine does not let us mount")
        try:
            assert "no disk space" in refusal(small)
        finally:
            subprocess.call(["umount", str(small)])
