"""What comes before the servers of `bin/run`: data folder, settings, database, tables, files, demo data. Every "no" is one line."""

import contextlib
import importlib
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import psycopg
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

from liveshop import homes, translations
from liveshop.homes import REPOSITORY
from liveshop.postgres import EmbeddedPostgres
from liveshop.saying import say, step

DEMO_COMMANDS = REPOSITORY / "demo" / "management" / "commands"
MANAGE = [sys.executable, str(REPOSITORY / "manage.py")]


class CannotRun(RuntimeError):
    """Why the site does not start, in one line."""


def prepare(home: Path) -> tuple[ModuleType, EmbeddedPostgres | None]:
    """All that comes before the server. Raises CannotRun or DatabaseUnavailable."""
    say(f"liveshop {homes.version()}, data in {home} (LIVESHOP_HOME)")
    homes.make(home)
    if not is_production():
        os.environ.setdefault("DEMO", "1")
    os.environ.setdefault("PACKED_STATIC", "1")
    os.environ.setdefault("SECRET_KEY", secret_key(home))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liveshop.settings")
    given = os.environ.get("DATABASE_URL", "")
    settings = load_settings()
    need_port(settings.PORT)
    database = None if given else EmbeddedPostgres(home)
    try:
        with step(f"database: {'as DATABASE_URL says' if given else 'embedded PostgreSQL'}"):
            if database:
                database.start().ensure_database()
            need_database(settings.DATABASE_URL)
        (home / "static").mkdir(exist_ok=True)
        (home / "media").mkdir(exist_ok=True)
        prepare_site(settings, home)
    except BaseException:
        if database:
            database.stop()
        raise
    return settings, database


def prepare_site(settings: ModuleType, home: Path) -> None:
    """Translations, tables, files and demo data."""
    with step("translations"):
        try:
            translations.compile_all()
        except (translations.TranslationsDisagree, ValueError) as problem:
            raise CannotRun(f"the translations cannot be compiled: {problem}") from problem
    with step("tables"):
        manage(home, "migrate", "--no-input", "-v", "0")
    if settings.PRODUCTION:
        need_no_demo(settings.DATABASE_URL)
    if settings.PACKED_STATIC:
        with step("static files"):
            manage(home, "collectstatic", "--no-input", "-v", "0")
    if settings.DEMO and (DEMO_COMMANDS / "demo_seed.py").exists():
        with step("demo data (once, about a minute the first time)"):
            manage(home, "demo_seed")


def load_settings() -> ModuleType:
    """The settings module; what it refuses becomes one line."""
    try:
        return importlib.import_module("liveshop.settings")
    except ImproperlyConfigured as refusal:
        raise CannotRun(str(refusal)) from refusal
    except Exception as refusal:
        raise CannotRun(f"the settings are wrong: {' '.join(str(refusal).split())} (docs/settings.md)") from refusal


def secret_key(home: Path) -> str:
    """A random key made once and kept in the data folder, readable by its owner alone."""
    path = home / "secret_key"
    with contextlib.suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def need_port(port: int) -> None:
    """Raises CannotRun when something listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except PermissionError as problem:
            raise CannotRun(f"port {port} is closed to this user: choose one above 1023, e.g. PORT=8000 bin/run") from problem
        except (OSError, OverflowError) as problem:
            raise CannotRun(f"port {port} is in use: stop what uses it, or choose another, e.g. PORT=8001 bin/run") from problem


def need_database(url: str) -> None:
    """Raises CannotRun with the server's own reason when it cannot be asked."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as problem:
        reason = " ".join(str(problem).split())
        raise CannotRun(f"the database cannot be used: {reason}") from problem


def is_production() -> bool:
    """As the settings read it, before they are loaded. Raises CannotRun."""
    try:
        return bool(Env().bool("PRODUCTION", False))
    except EnvError as wrong:
        raise CannotRun(f"the settings are wrong: {wrong} (docs/settings.md)") from wrong


def need_no_demo(url: str) -> None:
    """Raises CannotRun when the database was a demo's: its goods and money are not real, and everybody knows its passwords."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        if connection.execute("SELECT FROM accounts_user WHERE is_demo LIMIT 1").fetchone() is not None:
            raise CannotRun("this database holds the demo's people and orders: use another LIVESHOP_HOME or DATABASE_URL for production")


def manage(home: Path, *arguments: str) -> str:
    """Run one management command; its output is told only when it fails. Raises CannotRun."""
    told = subprocess.run(  # noqa: S603 - our own commands
        [*MANAGE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if told.returncode:
        log = home / f"{arguments[0]}.log"
        log.write_text(told.stdout, encoding="utf-8")
        lines = [line.strip() for line in told.stdout.splitlines() if line.strip()]
        raise CannotRun(f"{arguments[0]} failed: {lines[-1] if lines else f'code {told.returncode}'} (all of it: {log})")
    return told.stdout
