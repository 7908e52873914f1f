"""Live video in a real Chromium: an encoder's picture on the stage, how late it is, what happens when it goes away, falls down the ladder, comes back."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from accounts.models import User
from rooms import stage
from rooms.models import Room, Show, ShowState
from rooms.video import keys
from rooms.video.tests.conftest import Media, soon
from tests import cast
from tests.browser.site import REPOSITORY, Site

# The clock burnt into the picture against the clock of now, in ms. Same machine, same clock.
LATENESS = """
() => {
  const video = document.querySelector("video.stage__video");
  if (!video || video.readyState < 2) return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 16];
  const context = canvas.getContext("2d", { alpha: false });
  context.drawImage(video, 0, 0, video.videoWidth, 32 * video.videoHeight / 360, 0, 0, 640, 16);
  const now = Date.now();
  const pixels = context.getImageData(0, 8, 640, 1).data;
  let told = 0;
  for (let bit = 0; bit < 32; bit++) told = told * 2 + (pixels[(bit * 20 + 10) * 4 + 1] > 128 ? 1 : 0);
  return (now % 2 ** 32) - told;
}
"""


@pytest.fixture
def media(site: Site, tmp_path: Path) -> Iterator[Media]:
    process = Media(tmp_path, MEDIA_SERVER=settings.MEDIA_SERVER)
    process.socket = Path(settings.MEDIA_SERVER.removeprefix("unix:"))
    process.start()
    yield process
    process.stop()


class Encoder:
    """A process that pushes the clock."""

    def __init__(self, url: str, *, fps: int = 25, keyframes: int = 25) -> None:
        command = [sys.executable, "-m", "rooms.video.tests.encoder", url, "640", "360", str(fps), str(keyframes), "90", "1200"]
        self.process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def encode(media: Media) -> Iterator[Callable[..., Encoder]]:
    running: list[Encoder] = []

    def begin(room: Room, key: str = "", **options: Any) -> Encoder:
        key = key or keys.make(room=room, by=room.anchor)
        running.append(Encoder(f"rtmp://127.0.0.1:{media.rtmp_port}/live/{key}", **options))
        return running[-1]

    yield begin
    for one in running:
        one.stop()


def lateness(page: Page, samples: int = 12) -> float:
    """Glass to glass in seconds: the median of some looks."""
    found = []
    for _ in range(samples * 3):
        page.wait_for_timeout(150)
        late = page.evaluate(LATENESS)
        if late is not None and 0 <= late < 60_000:
            found.append(late)
        if len(found) == samples:
            break
    assert len(found) >= samples // 2
    return sorted(found)[len(found) // 2] / 1000


def test_the_stream_plays_muted_within_a_second_or_two_and_is_little_late(
    media: Media, encode, phone, desktop, axe, room: Room, viewer: User
) -> None:
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = phone(viewer)
    page.goto("/live/axia")
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=5000)
    assert page.evaluate("document.querySelector('video').muted")
    button = page.get_by_role("button", name="轻点开启声音")
    expect(button).to_be_visible()
    page.wait_for_timeout(3000)
    late = lateness(page)
    print(f"lateness by websocket: {late:.2f} s")
    assert late <= 1.2
    axe(page)
    before = page.evaluate("[document.querySelector('video').currentTime, performance.now()]")
    page.wait_for_timeout(2000)
    after = page.evaluate("[document.querySelector('video').currentTime, performance.now()]")
    assert (after[0] - before[0]) * 1000 >= 0.9 * (after[1] - before[1])
    button.tap()
    expect(button).to_be_hidden()
    assert not page.evaluate("document.querySelector('video').muted")
    page.screenshot(path="/tmp/video-phone.png")
    second = desktop()
    second.goto("/live/axia")
    expect(second.locator("main[data-playing='wire']")).to_be_visible(timeout=5000)
    second.wait_for_timeout(800)
    second.screenshot(path="/tmp/video-desktop.png")


def test_without_websocket_the_same_picture_comes_by_requests(media: Media, encode, desktop, room: Room) -> None:
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = desktop()
    page.route_web_socket("**/media/live/**", lambda socket: socket.close(code=1011))
    page.goto("/live/axia")
    expect(page.locator("main[data-playing='segments']")).to_be_visible(timeout=20_000)
    page.wait_for_timeout(4000)
    late = lateness(page)
    print(f"lateness by HLS: {late:.2f} s")
    assert late <= 6


def test_a_lost_stream_is_told_and_its_return_plays_on(media: Media, encode, desktop, room: Room) -> None:
    key = keys.make(room=room, by=room.anchor)
    first = encode(room, key)
    page = desktop()
    page.goto("/live/axia")
    expect(page.locator("main[data-playing]")).to_be_visible(timeout=10_000)
    first.process.kill()
    expect(page.locator("#panel-stage")).to_contain_text("主播马上回来", timeout=5000)
    page.screenshot(path="/tmp/video-lost.png")
    encode(room, key)
    expect(page.locator("#panel-stage [data-state='live']")).to_be_attached(timeout=10_000)
    page.wait_for_timeout(2500)
    assert lateness(page) < 2
    stage.end_show(room=room, by=room.anchor)
    expect(page.locator("#panel-stage [data-state='ended']")).to_be_visible(timeout=5000)
    expect(page.locator("video.stage__video")).to_have_count(0)


def test_a_room_without_a_stream_loads_no_player(media: Media, desktop, room: Room) -> None:
    asked: list[str] = []
    page = desktop()
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/live/axia")
    expect(page.locator("#panel-stage [data-state='live']")).to_be_attached()
    page.wait_for_timeout(500)
    assert not [url for url in asked if "/js/video/" in url or "js/room/video.js" in url]
    expect(page.locator("#sound")).to_be_hidden()


def test_going_live_by_stream_moves_the_waiting_page(media: Media, encode, desktop) -> None:
    from datetime import timedelta

    from django.utils import timezone

    room = cast.make_room(live=False, slug="waiting")
    cast.make_shelf_item(room)
    Show.objects.create(room=room, title="今晚专场", state=ShowState.UPCOMING, planned_at=timezone.now() + timedelta(minutes=3))
    page = desktop()
    page.goto("/live/waiting")
    expect(page.locator("#panel-stage [data-state='upcoming']")).to_be_visible()
    encode(room)
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=15_000)
