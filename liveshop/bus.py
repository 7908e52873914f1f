"""Messages between processes over PostgreSQL's LISTEN/NOTIFY: delivered after commit to every process, without Redis."""

import json
from typing import Any

from django.db import connection

CHANNEL = "liveshop"


def notify_in_tx(channel: str, payload: dict[str, Any]) -> None:
    """Send when the caller's transaction commits. Raises RuntimeError outside one."""
    if not connection.in_atomic_block:
        raise RuntimeError("notify_in_tx needs the caller's transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, json.dumps({"channel": channel, **payload})])
