"""A PostgreSQL of the fault tests' own, to be killed and paused."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from django.db import connection

from liveshop.postgres import EmbeddedPostgres
from rooms.video.tests.conftest import media, push  # noqa: F401 # fixtures
from tests.browser.site import test_database_url


class OwnPostgres(EmbeddedPostgres):
    """An embedded server with the tables of the test database."""

    def processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        return [postmaster, *postmaster.children(recursive=True)]

    def kill(self) -> None:
        """`kill -9` of the whole server, as the kernel would when memory runs out."""
        processes = self.processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=5)

    def pause(self) -> None:
        """Stop every process of the server; connections stay open and nobody answers."""
        for process in self.processes():
            process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    def copy_tables(self, url: str) -> None:
        """The tables and what migrations put into them."""
        self.ensure_database("faults")
        with subprocess.Popen([self.binary("pg_dump"), "--no-owner", url], stdout=subprocess.PIPE) as dump:
            subprocess.run([self.binary("psql"), "-q", "-X", self.url("faults")], stdin=dump.stdout, stdout=subprocess.DEVNULL, check=True)
        assert dump.returncode == 0


@pytest.fixture(scope="session")
def _own_server(django_db_setup: None) -> Iterator[OwnPostgres]:
    home = Path(tempfile.mkdtemp(prefix="liveshop-faults-", dir="/var/tmp"))
    home.chmod(0o755)
    server = OwnPostgres(home)
    server.start()
    try:
        server.copy_tables(test_database_url())
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def own_database(_own_server: OwnPostgres, transactional_db: None) -> Iterator[OwnPostgres]:
    """This test's models and sites use a server that may be killed."""
    usual = dict(connection.settings_dict)
    _turn_to({"HOST": str(_own_server.socket), "PORT": "", "USER": "postgres", "PASSWORD": "", "NAME": "faults"})
    try:
        yield _own_server
    finally:
        _own_server.resume() if _own_server.is_listening() else _own_server.revive()
        _turn_to(usual)


def _turn_to(address: dict[str, str]) -> None:
    connection.close()
    connection.close_pool()
    connection.settings_dict.update(address)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
