"""Socket tests: a real websocket client against a real Daphne (or uvicorn) process on the test's database."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from websockets.asyncio.client import ClientConnection, connect

from accounts.models import User
from rooms.models import Room
from rooms.realtime import tickets
from tests.browser.site import Site


@pytest.fixture(scope="package")
def _running_site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("sockets") / "daphne.log").start()
    yield site
    site.stop()


@pytest.fixture
def site(_running_site: Site, transactional_db: None) -> Site:
    if _running_site.process is None or _running_site.process.poll() is not None:
        _running_site.start()
    return _running_site


@pytest.fixture
def ticket() -> Callable[..., str]:
    return make_ticket


def make_ticket(room: Room, user: User | None = None, *, device: str = "device", staff: bool = False) -> str:
    """The ticket a page would hand to this person."""
    request = HttpRequest()
    request.user = user or AnonymousUser()
    request.device = device
    return tickets.issue(request, room, staff=staff)


def join(site: Site, room: Room, ticket: str, **options: Any) -> Any:
    """`async with join(…) as socket`."""
    return connect(f"{site.url.replace('http', 'ws', 1)}/ws/live/{room.public_id}?ticket={ticket}", **options)


async def until(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool], wait_s: float = 5) -> dict[str, Any]:
    """The first frame that is wanted; others are passed over. Raises TimeoutError."""
    async with asyncio.timeout(wait_s):
        while True:
            frame = json.loads(await socket.recv())
            if wanted(frame):
                return frame


def kind(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda frame: frame["t"] == name
