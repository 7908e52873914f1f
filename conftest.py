"""Fixtures every test may use; the factories behind them are in `tests/cast.py`."""

import pytest
from django.db import connections

from accounts.models import User
from rooms.models import Room
from tests import cast


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Marks the tests' own connections, so that emptying the test database may truncate append-only tables."""
    for connection in connections.all():
        connection.settings_dict.setdefault("OPTIONS", {})["options"] = "-c liveshop.test_flush=on"


@pytest.fixture
def viewer(db: None) -> User:
    return cast.make_user("小满")


@pytest.fixture
def anchor(db: None) -> User:
    return cast.make_user("洛川阿霞", is_anchor=True)


@pytest.fixture
def other_anchor(db: None) -> User:
    return cast.make_user("安溪老林", is_anchor=True)


@pytest.fixture
def operator(db: None) -> User:
    return cast.make_user("运营小张", is_staff=True, is_superuser=True)


@pytest.fixture
def room(anchor: User) -> Room:
    """The anchor's room with a live show."""
    return cast.make_room(anchor, slug="axia")
