"""Streams for browser tests: the media process, an encoder that pushes the clock, and how late the picture is."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page

from rooms.models import Room
from rooms.video import keys
from rooms.video.tests.conftest import Media
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
    process = Media(tmp_path, MEDIA_SERVER=settings.MEDIA_SERVER, RECORDINGS_ROOT=str(settings.RECORDINGS_ROOT))
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


def until(page: Page, true: str, wait_s: float = 15) -> None:
    """Waits for an expression; the page's policy allows no evaluation inside of it."""
    deadline = time.monotonic() + wait_s
    while not page.evaluate(true):
        assert time.monotonic() < deadline, true
        page.wait_for_timeout(100)
