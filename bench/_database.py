"""A database of a benchmark's own, empty at the start and gone at the end."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def fresh() -> Iterator[None]:
    """Django's database is a fresh one, here and in servers that are started with the DATABASE_URL of now."""
    import django

    django.setup()
    from django.db import connection, connections
    from django.test.utils import setup_databases, teardown_databases

    before = os.environ["DATABASE_URL"]
    old = setup_databases(verbosity=0, interactive=False)
    os.environ["DATABASE_URL"] = f"{before.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    try:
        yield
    finally:
        os.environ["DATABASE_URL"] = before
        connections.close_all()
        teardown_databases(old, verbosity=0)
