"""The external tier for real: nginx-rtmp with deploy/nginx-rtmp.conf, an encoder that pushes to it, its callbacks, HLS in Chromium, its recordings."""

import getpass
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from rooms import stage
from rooms.models import MediaServer, Recording, Room, Show, ShowState, StreamSession
from rooms.video import keys
from rooms.video.external import links
from rooms.video.tests.conftest import soon
from tests import cast
from tests.browser.site import REPOSITORY, Site, free_port
from tests.browser.site import test_database_url as database_url
from tests.browser.streams import Encoder, lateness, until
from tests.programs import nginx_rtmp

HOOK, LINK = "hook-" + "h" * 40, "link-" + "l" * 40

pytestmark = pytest.mark.skipif(
    nginx_rtmp() is None, reason="install nginx-light and libnginx-mod-rtmp for the tests of an external media server"
)


class Nginx:
    """nginx-rtmp with the configuration of `deploy/`, on free ports and in a folder of its own."""

    def __init__(self, folder: Path, site_port: int) -> None:
        self.folder, self.recordings = folder, folder / "recordings"
        self.rtmp_port, self.hls_port, self.api_port = free_port(), free_port(), free_port()
        for name in ("hls", "recordings", "temp"):
            (folder / name).mkdir()
        temp = "".join(f"{kind}_temp_path {folder}/temp/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = (REPOSITORY / "deploy" / "nginx-rtmp.conf").read_text()
        for old, new in (
            ("user www-data;", f"user {getpass.getuser()};"),
            ("/run/nginx-rtmp.pid", f"{folder}/pid"),
            ("/var/log/nginx/rtmp-error.log", f"{folder}/error.log"),
            ("/var/lib/liveshop-video", str(folder)),
            ("listen 1935", f"listen 127.0.0.1:{self.rtmp_port}"),
            ("listen 8937", f"listen 127.0.0.1:{self.hls_port}"),
            ("127.0.0.1:8936", f"127.0.0.1:{self.api_port}"),
            ("127.0.0.1:8000", f"127.0.0.1:{site_port}"),
            ("HOOK_SECRET;", f"{HOOK};"),
            ('LINK_SECRET"', f'{LINK}"'),
            ("http {\n", f"http {{ {temp}\n"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        self.conf = folder / "nginx.conf"
        self.conf.write_text(text)
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """What the site is told of it."""
        return {
            "VIDEO_TIER": "external",
            "EXTERNAL_API": f"http://127.0.0.1:{self.api_port}",
            "EXTERNAL_HLS": f"http://127.0.0.1:{self.hls_port}/hls",
            "EXTERNAL_RECORDINGS": str(self.recordings),
            "EXTERNAL_HOOK_SECRET": HOOK,
            "EXTERNAL_LINK_SECRET": LINK,
            "RTMP_URL": f"rtmp://127.0.0.1:{self.rtmp_port}/live",
        }

    def start(self) -> None:
        with (self.folder / "nginx.out").open("ab") as out:
            command = [nginx_rtmp(), "-p", str(self.folder), "-c", str(self.conf), "-g", "daemon off;"]
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        soon(self.listens)

    def listens(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "nginx.out").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.rtmp_port)) == 0

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture
def outside(site: Site, tmp_path: Path, settings: Any) -> Iterator[tuple[Site, Nginx]]:
    """A site whose video is nginx-rtmp's, with its worker. (The fixture `site` brings the database in order.)"""
    nginx = Nginx(tmp_path, port := free_port())
    environment = nginx.environment() | {"RECORDINGS_ROOT": str(tmp_path / "own"), "DATABASE_URL": database_url()}
    for name, value in environment.items():
        if name != "DATABASE_URL":
            setattr(settings, name, value)
    own = Site(tmp_path / "daphne.log", port=port, **environment)
    with (tmp_path / "worker.log").open("ab") as log:
        command = [sys.executable, "manage.py", "procrastinate", "worker"]
        worker = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | environment, stdout=log, stderr=log)
    try:
        nginx.start()
        yield own.start(), nginx
    finally:
        worker.terminate()
        own.stop()
        nginx.stop()
        worker.wait(20)


@pytest.fixture
def encode(outside: tuple[Site, Nginx]) -> Iterator[Callable[..., Encoder]]:
    running: list[Encoder] = []

    def begin(room: Room, key: str, **options: Any) -> Encoder:
        running.append(Encoder(f"rtmp://127.0.0.1:{outside[1].rtmp_port}/live/{room.public_id}?key={key}", **options))
        return running[-1]

    yield begin
    for one in running:
        one.stop()


def state_of(room: Room) -> int:
    return Show.objects.filter(room=room).latest("pk").state


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def pace(page: Page) -> float:
    """How fast the picture goes over three seconds; 1: as filmed."""
    now = "[document.querySelector('video').currentTime, performance.now() / 1000]"
    before = page.evaluate(now)
    page.wait_for_timeout(3000)
    after = page.evaluate(now)
    return (after[0] - before[0]) / (after[1] - before[1])


def test_nginx_rtmp_carries_the_show_until_the_operator_cuts_it(
    outside: tuple[Site, Nginx], encode, desktop, phone, axe, room: Room, operator: User
) -> None:
    site, nginx = outside
    stage.pin(room=room, item=cast.make_shelf_item(room), by=room.anchor)
    key = keys.make(room=room, by=room.anchor)
    wrong = encode(room, "x" * 43)
    assert wrong.process.wait(15) != 0, "a wrong key is refused"
    assert not StreamSession.objects.exists()

    first = encode(room, key)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = phone(base_url=site.url)
    page.goto("/live/axia")
    expect(page.locator("main[data-playing='segments']")).to_be_visible(timeout=20_000)
    page.wait_for_timeout(4000)
    late = lateness(page)
    print(f"lateness through nginx-rtmp by HLS: {late:.2f} s")
    assert late <= 6
    assert any(pace(page) >= 0.85 for _ in range(8)), "a busy machine may make it wait once, not again and again"
    assert page.evaluate("document.querySelector('video').webkitAudioDecodedByteCount") > 0
    axe(page)
    page.get_by_role("button", name="省流量").tap()  # this server draws no stills: the product stands there
    expect(page.locator("video")).to_have_count(0)
    expect(page.locator("#hero")).to_be_visible()
    page.get_by_role("button", name="省流量中 · 看视频").tap()
    expect(page.locator("main[data-playing='segments']")).to_be_visible(timeout=20_000)

    address = links.hls_url(room.public_id)
    assert status_of(address) == 200
    assert status_of(address.replace("/index", "/other")) == 404
    mark, until_s, name = address.split("/")[4:7]
    for forged in (f"{'x' * 22}/{until_s}/{name}", f"{mark}/{int(until_s) + 3600}/{name}", f"{mark}/{until_s}/another"):
        assert status_of(f"http://127.0.0.1:{nginx.hls_port}/hls/{forged}/index.m3u8") == 403
    past = int(time.time()) - 5
    assert status_of(f"http://127.0.0.1:{nginx.hls_port}/hls/{links.mark(name, past)}/{past}/{name}/index.m3u8") == 410
    soon(lambda: MediaServer.objects.filter(streams=1, problem="").exists(), 25)
    assert StreamSession.objects.get(ended_at=None).width == 640

    first.process.kill()
    expect(page.locator("#panel-stage")).to_contain_text("主播马上回来", timeout=8000)
    second = encode(room, key)
    expect(page.locator("#panel-stage [data-state='live']")).to_be_attached(timeout=10_000)
    page.wait_for_timeout(6000)
    assert lateness(page) <= 7
    assert room.shows.count() == 1

    site.restart()
    page.wait_for_timeout(3000)
    assert second.process.poll() is None, "a stream outlives the site's restart"

    third = encode(room, key)  # the newest wins
    assert second.process.wait(10) != 0
    assert state_of(room) == ShowState.LIVE

    stage.ban_room(room=room, by=operator, reason="假货")
    assert third.process.wait(10) != 0, "the operator's cut ends the connection"
    expect(page.locator("#panel-stage [data-state='banned']")).to_be_visible(timeout=5000)
    assert encode(room, key).process.wait(15) != 0
    assert StreamSession.objects.latest("pk").end_reason == "room_banned"


def test_what_nginx_rtmp_recorded_becomes_the_replay(outside: tuple[Site, Nginx], encode, desktop, room: Room) -> None:
    site, nginx = outside
    item = cast.make_shelf_item(room, cast.make_product(title="洛川红富士 5斤装"))
    encoder = encode(room, keys.make(room=room, by=room.anchor))
    soon(lambda: room.streams.exclude(show=None).exists())
    time.sleep(3)
    stage.pin(room=room, item=item, by=room.anchor)
    pinned = time.time()
    time.sleep(5)
    stage.unpin(room=room, by=room.anchor)
    time.sleep(1)
    page = desktop(base_url=site.url)
    page.goto("/live/axia")
    stage.end_show(room=room, by=room.anchor)
    assert encoder.process.wait(10) != 0
    row = soon(lambda: Recording.objects.exclude(ended_at=None).first(), 20)
    assert row.duration_ms > 8000
    soon(lambda: not list(nginx.recordings.iterdir()))
    page.get_by_role("link", name="看回放").click()  # it came into the page by itself
    until(page, "document.getElementById('film').readyState >= 2")
    assert page.evaluate("document.getElementById('film').videoWidth") == 640
    page.evaluate("document.getElementById('film').muted = true")
    page.get_by_role("button", name="跳到").click()
    until(page, "document.getElementById('film').currentTime > 3")
    page.get_by_role("link", name="讲解片段").click()
    until(page, "document.getElementById('film').currentTime > 1")
    assert abs(row.began_at.timestamp() - (pinned - 3)) < 2, "the clock of the recording is ours"


def test_the_studio_shows_how_to_stream_and_the_rehearsal(outside: tuple[Site, Nginx], encode, desktop, phone, axe, anchor: User) -> None:
    site, nginx = outside
    room = cast.make_room(anchor, live=False, slug="desk")
    cast.make_shelf_item(room)
    soon(lambda: MediaServer.objects.exists(), 25)
    page = desktop(anchor, base_url=site.url)
    page.goto("/studio/desk")
    desk = page.locator("#videodesk")
    expect(desk).to_contain_text("还没有画面")
    expect(page.locator("#rtmp-address")).to_have_value(f"rtmp://127.0.0.1:{nginx.rtmp_port}/live")
    expect(page.locator("#camera")).to_have_count(0)
    expect(desk).to_contain_text("直播中观众不能回看")
    desk.get_by_role("button", name="生成推流码").click()
    typed = page.locator("#stream-key-text").input_value()
    stream, key = typed.split("?key=")
    assert stream == room.public_id
    encode(room, key)
    expect(desk).to_contain_text("试播中，只有你看得到", timeout=10_000)
    expect(desk.locator("video")).to_be_visible(timeout=10_000)
    expect(desk).to_contain_text("640×360", timeout=20_000)
    until(page, "document.querySelector('#monitor video').currentTime > 0.5")
    axe(page, "#videodesk")
    page.get_by_role("button", name="我要开播").click()
    expect(desk).to_contain_text("观众看得到", timeout=8000)
    small = phone(anchor, base_url=site.url)
    small.goto("/studio/desk")
    small.get_by_role("button", name="数据").click()
    until(small, "document.querySelector('#monitor video')?.currentTime > 0.5")
    nginx.stop()
    expect(desk.get_by_text("流媒体服务没有响应").first).to_be_visible(timeout=40_000)
