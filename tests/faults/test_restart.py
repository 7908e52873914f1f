"""The server dies under fifty viewers: all come back, and all see what happened meanwhile."""

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from rooms import stage
from rooms.models import Room
from rooms.realtime import recovery
from tests import cast
from tests.browser.site import Site
from tests.sockets.conftest import make_ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
VIEWERS = 50


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "daphne.log").start()
    yield site
    site.stop()


class Browser:
    """What the room page's script does: remember `seq` and panels, come back after a cut, catch up."""

    def __init__(self, site: Site, room: Room, ticket: str, panels: dict[str, str]) -> None:
        self.address = f"{site.url.replace('http', 'ws', 1)}/ws/live/{room.public_id}?ticket={ticket}"
        self.seq, self.panels, self.joins = 0, dict(panels), 0

    async def watch(self) -> None:
        while True:
            try:
                async with connect(self.address) as socket:
                    self.joins += 1
                    await socket.send(json.dumps({"c": "catch_up", "id": "x", "seq": self.seq, "chat": ""}))
                    async for text in socket:
                        self._take(json.loads(text))
            except (OSError, ConnectionClosed, TimeoutError, EOFError):
                pass
            await asyncio.sleep(random.uniform(0.1, 0.5))

    def _take(self, frame: dict[str, Any]) -> None:
        if "panels" in frame and frame["seq"] >= self.seq:
            self.panels |= frame["panels"]
            self.seq = frame["seq"]


async def until(condition: Any, wait_s: float) -> None:
    async with asyncio.timeout(wait_s):
        while not condition():  # noqa: ASYNC110 - fifty sockets change what it reads
            await asyncio.sleep(0.05)


def test_all_viewers_of_a_killed_server_see_the_same_again(site: Site, room: Room) -> None:
    items = [cast.make_shelf_item(room, cast.make_product(title=f"第{n}箱苹果")) for n in range(3)]
    before = recovery.read(room.pk, "zh-hans").panels
    browsers = [Browser(site, room, make_ticket(room, device=f"d{n}"), before) for n in range(VIEWERS)]

    async def evening() -> None:
        watching = [asyncio.create_task(browser.watch()) for browser in browsers]
        in_thread = asyncio.to_thread
        await until(lambda: all(browser.joins for browser in browsers), 20)
        await in_thread(stage.pin, room=room, item=items[0], by=room.anchor)
        await until(lambda: all(browser.seq == 1 for browser in browsers), 10)
        site.kill()
        await in_thread(stage.pin, room=room, item=items[1], by=room.anchor)
        await in_thread(stage.set_notice, room=room, by=room.anchor, text="断线也不怕")
        await in_thread(site.start)
        await until(lambda: all(browser.seq == 3 for browser in browsers), 30)
        # And the new process tells them live what happens from now on.
        await in_thread(stage.pin, room=room, item=items[2], by=room.anchor)
        await until(lambda: all(browser.seq == 4 for browser in browsers), 10)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    asyncio.run(evening())
    now = recovery.read(room.pk, "zh-hans").panels
    assert "第2箱苹果" in now["pin"]
    assert all(browser.joins >= 2 for browser in browsers)
    for browser in browsers:
        assert browser.panels == now
