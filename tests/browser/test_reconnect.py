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


@pytest.mark.parametrize("code", [4009, 4029])
def test_who_sent_too_much_or_has_a_window_too_many_asks_seldom(page_of_room: Page, code: int) -> None:
    assert page_of_room.evaluate(RECONNECTS, code) == []


# The page's own words of a connection that ended with this code.
WORDS = """async (code) => {
  const [{ Socket }, { start }] = await Promise.all([import("/static/js/room/socket.js"), import("/static/js/room/connection.js")]);
  window.WebSocket = class {};
  window.fetch = async () => ({ ok: false });
  const socket = new Socket(document.createElement("div"));
  start(socket);
  socket.open();
  socket.wire.onclose({ code });
  await new Promise((done) => setTimeout(done, 1000));
  return document.getElementById("link-state").innerText;
}"""


@pytest.mark.parametrize(("code", "words"), [(1006, "网络断开"), (4008, "网络有点慢"), (4009, "点得太快"), (4029, "窗口太多")])
def test_the_page_says_why_it_was_closed(page_of_room: Page, code: int, words: str) -> None:
    assert words in page_of_room.evaluate(WORDS, code)


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


FRAMES = """async (frames) => {
  const { Socket } = await import("/static/js/room/socket.js");
  const asked = [], shown = [];
  window.WebSocket = class { static OPEN = 1; readyState = 1; send(text) { asked.push(JSON.parse(text)); } };
  const root = document.createElement("div");
  root.dataset.seq = "5";
  const socket = new Socket(root);
  socket.on("state", (frame) => shown.push(frame.panels.pin));
  socket.on("snap", (frame) => shown.push(frame.panels.pin));
  socket.open();
  for (const frame of frames) socket.receive(frame);
  await new Promise((done) => setTimeout(done, 600));
  return { shown, asked: asked.map((one) => one.seq), seq: socket.seq };
}"""


def state(seq: int, pin: str, kind: str = "pinned", since: int | None = None) -> dict[str, object]:
    return {"t": "state", "seq": seq, "since": seq - 1 if since is None else since, "kind": kind, "panels": {"pin": pin}}


def test_an_answer_that_was_drawn_too_early_does_not_bring_the_old_pin_back(page_of_room: Page) -> None:
    """8 comes with a gap; the answer was drawn at 7, before 8; it is passed over and asked for again."""
    came = page_of_room.evaluate(FRAMES, [state(8, "new"), state(7, "old", "caught_up", 5)])
    assert came == {"shown": ["new"], "asked": [5, 5], "seq": 5}
    came = page_of_room.evaluate(FRAMES, [state(8, "new"), state(8, "new too", "caught_up", 5), state(9, "next")])
    assert came == {"shown": ["new", "new too", "next"], "asked": [5], "seq": 9}


def test_a_snapshot_older_than_the_page_is_passed_over(page_of_room: Page) -> None:
    came = page_of_room.evaluate(FRAMES, [state(6, "new"), {"t": "snap", "seq": 5, "panels": {"pin": "old"}}])
    assert came == {"shown": ["new"], "asked": [6], "seq": 6}


@pytest.fixture
def page_of_room(site, phone, room: Room) -> Page:
    page = phone()
    page.goto(f"/live/{room.slug}")
    return page


def test_catching_up_that_failed_is_tried_again(page_of_room: Page) -> None:
    """The server could not read the room when a gap was found: a refusal without the key of a tap."""
    refusal = {"t": "reply", "id": "", "ok": False, "refused": {"code": "UNAVAILABLE"}}
    gap = FRAMES.replace("setTimeout(done, 600)", "setTimeout(done, 3500)")
    assert page_of_room.evaluate(gap, [state(8, "new"), refusal])["asked"] == [5, 5]
    assert page_of_room.evaluate(gap, [state(6, "new"), refusal])["asked"] == [], "a refused heart is not a gap"
