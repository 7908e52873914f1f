"""The embedded PostgreSQL, used when DATABASE_URL is unset."""

import hashlib
import tempfile
from pathlib import Path


def socket_folder(home: Path) -> Path:
    """The folder of the unix socket; a long home gets a short folder elsewhere, for socket paths end at 107 bytes."""
    folder = home / "s"
    if len(str(folder)) <= 80:
        return folder
    return Path(tempfile.gettempdir()) / f"liveshop-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}"
