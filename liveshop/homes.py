"""Where the site keeps its data, and the address of the embedded database there."""

import os
import re
from pathlib import Path
from urllib.parse import quote

REPOSITORY = Path(__file__).resolve().parent.parent
CHANGELOG = REPOSITORY / "CHANGELOG.md"


def data_home() -> Path:
    """`LIVESHOP_HOME`, else /var/lib/liveshop for root (whose own folder the database user cannot enter), else the user's data folder."""
    named = os.environ.get("LIVESHOP_HOME")
    if named:
        return Path(named).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/lib/liveshop")
    base = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(base) / "liveshop"


def make(home: Path) -> None:
    """Create the data folder so that the database's user can pass through it, whatever root's umask says. An existing one stays as it is."""
    if home.exists():
        return
    before = os.umask(0o022)
    try:
        home.mkdir(parents=True, exist_ok=True)
    finally:
        os.umask(before)


def embedded_database_url() -> str:
    """URL of the embedded server's database over its unix socket; see `liveshop.postgres`."""
    from liveshop.postgres import socket_folder

    return f"postgresql://postgres@{quote(str(socket_folder(data_home())), safe='')}/liveshop"


def media_socket() -> Path:
    """Where the media process answers the site's other processes; a long home gets a short place elsewhere, as the database's socket does."""
    from liveshop.postgres import socket_folder

    home, folder = data_home(), socket_folder(data_home())
    return home / "m.sock" if folder.parent == home else folder.with_name(f"{folder.name}.sock")


def version() -> str:
    """The newest version in CHANGELOG.md, the only place where it is written."""
    found = re.search(r"^## (\d+\.\d+\.\d+)", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE) if CHANGELOG.exists() else None
    return found.group(1) if found else "0.0.0"
