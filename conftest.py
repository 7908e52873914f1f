"""Fixtures every test may use; the factories behind them are in `tests/cast.py`."""

import os
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections

from accounts.models import User
from catalog import words
from catalog.models import BannedWord
from rooms.models import Room
from tests import cast


def pytest_configure() -> None:
    """Each test process has a media server and recordings of its own, also for the sites it starts."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        settings.MEDIA_SERVER += f".{worker}"
        settings.RECORDINGS_ROOT /= worker
        os.environ |= {"MEDIA_SERVER": settings.MEDIA_SERVER, "RECORDINGS_ROOT": str(settings.RECORDINGS_ROOT)}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Marks the tests' own connections, so that emptying the test database may truncate append-only tables."""
    for connection in connections.all():
        options = connection.settings_dict.setdefault("OPTIONS", {})
        options["options"] = f"{options.get('options', '')} -c liveshop.test_flush=on".strip()


FOLDERS = {"browser": "browser", "races": "race", "faults": "faults"}  # below tests/: marker


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folder says the marker, so that no test is run in the wrong group because a line was forgotten."""
    for item in items:
        folder = Path(item.path).parent.relative_to(item.config.rootpath).parts
        if folder[:1] == ("tests",) and folder[1:2] and folder[1] in FOLDERS:
            item.add_marker(getattr(pytest.mark, FOLDERS[folder[1]]))
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(autouse=True)
def _banned_words(request: pytest.FixtureRequest) -> None:
    """Tests that empty the tables afterwards also take what migrations put there: the list of advertising words comes back for the next."""
    if {"db", "transactional_db"} & set(request.fixturenames) or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")  # transactional where the test says so
        if not BannedWord.objects.exists():
            for migration in ("0002_banned_words", "0004_material_facts"):
                import_module(f"catalog.migrations.{migration}").load(apps, None)
        words.forget()


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
