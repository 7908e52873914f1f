"""What `bin/run` says: a progress line for each step, and where the site is when it is ready."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from types import ModuleType

from liveshop.homes import REPOSITORY
from liveshop.publicurl import lan_address

LOGINS = "import django; django.setup(); from demo import logins; print('\\n'.join(logins.lines()))"


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """One progress line: what is done, then how long it took."""
    started = time.monotonic()
    print(f"  {name} … ", end="", flush=True)  # noqa: T201 - a command line tool speaks
    try:
        yield
    except BaseException:
        print("", flush=True)  # noqa: T201
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)  # noqa: T201


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command line tool speaks


def login_lines(settings: ModuleType) -> list[str]:
    """Who may log in to a demo site; none anywhere else."""
    if not settings.DEMO or not (REPOSITORY / "demo" / "logins.py").exists():
        return []
    told = subprocess.run([sys.executable, "-c", LOGINS], stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    return told.stdout.splitlines()


def greet(settings: ModuleType, seconds: float, logins: list[str]) -> None:
    """Where the site is and who may log in."""
    say(f"ready after {seconds:.0f} s")
    if settings.PRODUCTION:
        say(f"  site    {settings.SITE_URL or f'port {settings.PORT}, behind your TLS proxy'}")
    else:
        say(f"  here    http://localhost:{settings.PORT}/")
        if settings.BIND == "0.0.0.0" and (address := lan_address()):  # noqa: S104 - a comparison
            say(f"  phones  http://{address}:{settings.PORT}/  (same network)")
        say(f"  admin   http://localhost:{settings.PORT}/admin/")
    for line in logins:
        say(f"  {line}")
    say("Ctrl-C stops it")
