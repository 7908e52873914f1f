"""`bin/check`: every check that needs no running site, one line a step with its seconds; all run, one exit code."""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, "manage.py"]
# As a site behind TLS would be set up; the database is named but not needed.
PRODUCTION = {
    "PRODUCTION": "1",
    "DEMO": "0",
    "DEBUG": "0",
    "SECRET_KEY": secrets.token_urlsafe(48),
    "ALLOWED_HOSTS": "shop.example",
    "SITE_URL": "https://shop.example",
    "CODE_SENDER": "accounts.senders.CodeSender",
    "PAYMENT_PROVIDERS": "",
}
OFFLINE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "DB_POOL_MAX": "0", "DEMO": "1"}
STEPS: list[tuple[str, list[str], dict[str, str]]] = [
    ("style", [sys.executable, "-m", "ruff", "check", "--quiet", "."], {}),
    ("format", [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."], {}),
    ("import direction", [sys.executable, "-m", "liveshop.architecture"], {}),
    ("translations complete", [sys.executable, "-m", "liveshop.texts"], {}),
    ("migrations complete", [*MANAGE, "makemigrations", "--check", "--dry-run"], OFFLINE),
    ("fit for production", [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"], OFFLINE | PRODUCTION),
    ("types", [sys.executable, "-m", "mypy", "."], OFFLINE),
]


def main() -> int:
    """Run the steps named in the arguments, or all. Returns the exit code."""
    chosen = [one for one in STEPS if not sys.argv[1:] or any(word in one[0] for word in sys.argv[1:])]
    failed = [name for name, command, environment in chosen if not passes(name, command, environment)]
    print(f"check: failed: {', '.join(failed)}" if failed else f"check: {len(chosen)} steps passed")  # noqa: T201
    return bool(failed)


def passes(name: str, command: list[str], environment: dict[str, str]) -> bool:
    """One step: its line, and what it printed when it failed."""
    started = time.monotonic()
    clean = {key: value for key, value in os.environ.items() if key not in {*PRODUCTION, *OFFLINE}} if environment else dict(os.environ)
    told = subprocess.run(  # noqa: S603 - our own commands
        command, cwd=REPOSITORY, env=clean | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    verdict = "ok" if told.returncode == 0 else "FAILED"
    print(f"check: {name:<24}{verdict:<8}{time.monotonic() - started:5.1f} s", flush=True)  # noqa: T201
    if told.returncode:
        print("\n".join(f"    {line}" for line in told.stdout.splitlines()), flush=True)  # noqa: T201
    return told.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
