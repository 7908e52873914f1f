"""A whole room whose server went away does not come back in one moment, and who is refused for good reason does not hammer."""

import pytest
from playwright.sync_api import Page

from rooms.models import Room

# A hundred pages' connections in one: each loses its socket at the same moment, and tells when it asks for a new one (ms).
RECONNECTS = """async (code) => {
  const { Socket } = await import("/static/js/room/socket.js");
  const asked = [];
  let began = 0;
  window.WebSocket = class { constructor() { if (began) asked.push(performance.now() - began); } };
  window.fetch = async () => ({ ok: false });
  const root = document.createElement("div");
  const sockets = Array.from({ length: 100 }, () => new Socket(root));
  for (const socket of sockets) { socket.open(); socket.wire.onopen?.(); }
  began = performance.now();
  for (const socket of sockets) socket.wire.onclose({ code });
  await new Promise((done) => setTimeout(done, 4000));
  return asked;
}"""


@pytest.mark.parametrize("code", [1006, 1012])
def test_a_room_that_lost_its_server_comes_back_spread_over_seconds(page_of_room: Page, code: int) -> None:
    asked = sorted(page_of_room.evaluate(RECONNECTS, code))
    assert len(asked) == 100
    assert asked[0] >= 300
    assert asked[-1] - asked[0] > 2000
    crowded = max(sum(start <= moment < start + 500 for moment in asked) for start in range(0, 4000, 500))
    assert crowded < 40, "of a hundred in half a second"


def test_one_window_too_many_asks_seldom(page_of_room: Page) -> None:
    assert page_of_room.evaluate(RECONNECTS, 4029) == []


# The wait before each reconnect (ms), not waited for: of pages that the server told its spread at joining or later.
WAITS = """async (frames) => {
  const { Socket } = await import("/static/js/room/socket.js");
  window.WebSocket = class {};
  const sockets = Array.from({ length: 200 }, () => new Socket(document.createElement("div")));
  const waits = [];
  for (const socket of sockets) socket.open();
  for (const frame of frames) for (const socket of sockets) socket.wire.onmessage({ data: JSON.stringify(frame) });
  window.setTimeout = (act, wait) => waits.push(wait);
  for (const socket of sockets) socket.wire.onclose({ code: 1006 });
  return waits;
}"""


@pytest.mark.parametrize(
    ("frames", "spread_ms"),
    [
        ([{"t": "hello", "seq": 0}], 3_000),
        ([{"t": "hello", "seq": 0, "spread": 20_000}], 20_000),
        ([{"t": "hello", "seq": 0, "spread": 3_000}, {"t": "tick", "spread": 9_000}, {"t": "tick"}], 9_000),
    ],
)
def test_pages_come_back_over_as_long_as_the_server_told(page_of_room: Page, frames: list[dict[str, object]], spread_ms: int) -> None:
    waits = page_of_room.evaluate(WAITS, frames)
    assert len(waits) == 200
    assert min(waits) >= 300
    assert 0.8 * spread_ms < max(waits) - min(waits) <= spread_ms


@pytest.fixture
def page_of_room(site, phone, room: Room) -> Page:
    page = phone()
    page.goto(f"/live/{room.slug}")
    return page
