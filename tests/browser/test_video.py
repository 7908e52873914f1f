"""Live video in a real Chromium: an encoder's picture on the stage, how late it is, what happens when it goes away, falls down the ladder, comes back."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, WebSocketRoute, expect

from accounts.models import User
from rooms import stage
from rooms.models import Room, Show, ShowState
from rooms.video import keys
from rooms.video.tests.conftest import Media, soon
from tests import cast
from tests.browser.conftest import sign_in
from tests.browser.site import Site
from tests.browser.streams import lateness, until
from tests.chromium import find_chromium


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
    second = desktop()
    second.goto("/live/axia")
    expect(second.locator("main[data-playing='wire']")).to_be_visible(timeout=5000)
    second.wait_for_timeout(800)


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


def test_a_player_that_fell_behind_comes_back_to_the_present(media: Media, encode, desktop, room: Room) -> None:
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = desktop()
    page.goto("/live/axia")
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=8000)
    page.wait_for_timeout(8000)
    page.evaluate("document.querySelector('video').currentTime -= 1.5")
    page.wait_for_timeout(700)
    assert page.evaluate("document.querySelector('video').playbackRate") == 1.1, "a little behind: a little faster"
    until(page, "Number(document.querySelector('video').dataset.behind) < 1", 20)
    assert lateness(page) <= 1.2
    page.evaluate("document.querySelector('video').currentTime -= 6")
    page.wait_for_timeout(300)
    until(page, "Number(document.querySelector('video').dataset.behind) < 1", 2)
    assert lateness(page) <= 1.2


def test_the_player_steps_down_by_itself_and_up_again(media: Media, encode, desktop, room: Room) -> None:
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = desktop()
    sockets: list[WebSocketRoute] = []
    is_shut = False

    def pass_on(socket: WebSocketRoute) -> None:
        if is_shut:
            return socket.close(code=1011)
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket("**/media/live/**", pass_on)
    page.goto("/live/axia")
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=8000)
    is_shut = True
    for socket in sockets:
        socket.close(code=1011)
    expect(page.locator("main[data-playing='segments']")).to_be_visible(timeout=15_000)
    page.wait_for_timeout(4000)
    late = lateness(page)
    print(f"after falling to requests: {late:.2f} s")
    assert late <= 6
    is_shut = False
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(3000)
    late = lateness(page)
    print(f"after climbing back: {late:.2f} s")
    assert late <= 1.2


def test_where_nothing_plays_the_product_stands_on_the_stage(media: Media, encode, desktop, room: Room) -> None:
    item = cast.make_shelf_item(room)
    stage.pin(room=room, item=item, by=room.anchor)
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = desktop()
    page.route_web_socket("**/media/live/**", lambda socket: socket.close(code=1011))
    page.route("**/media/live/**", lambda route: route.abort())
    page.goto("/live/axia")
    hero = page.locator("#hero")
    expect(hero).to_be_visible()
    page.wait_for_timeout(12_000)
    assert "data-playing" not in page.locator("main").evaluate("(node) => node.outerHTML.slice(0, 2000)")
    expect(hero).to_be_visible()
    assert hero.evaluate("(image) => image.complete && image.naturalWidth > 0")
    assert hero.evaluate("(image) => getComputedStyle(image).visibility") == "visible"


def test_a_lost_stream_is_told_and_its_return_plays_on(media: Media, encode, desktop, room: Room) -> None:
    key = keys.make(room=room, by=room.anchor)
    first = encode(room, key)
    page = desktop()
    page.goto("/live/axia")
    expect(page.locator("main[data-playing]")).to_be_visible(timeout=10_000)
    first.process.kill()
    expect(page.locator("#panel-stage")).to_contain_text("主播马上回来", timeout=5000)
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
    room = cast.make_room(live=False, slug="waiting")
    cast.make_shelf_item(room)
    Show.objects.create(room=room, title="今晚专场", state=ShowState.UPCOMING, planned_at=timezone.now() + timedelta(minutes=3))
    page = desktop()
    page.goto("/live/waiting")
    expect(page.locator("#panel-stage [data-state='upcoming']")).to_be_visible()
    encode(room)
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=15_000)


def test_the_studio_shows_address_key_and_how_the_stream_is(media: Media, encode, desktop, axe, anchor: User) -> None:
    room = cast.make_room(anchor, live=False, slug="desk")
    cast.make_shelf_item(room)
    page = desktop(anchor)
    page.goto("/studio/desk")
    desk = page.locator("#videodesk")
    expect(desk).to_contain_text("还没有画面")
    expect(page.locator("#rtmp-address")).to_have_value(f"rtmp://127.0.0.1:{media.rtmp_port}/live")
    desk.get_by_role("button", name="生成推流码").click()
    key = page.locator("#stream-key-text").input_value()
    assert keys.room_of(key) == room
    axe(page, "#videodesk")
    encode(room, key, keyframes=150)
    expect(desk.locator("video")).to_be_visible(timeout=10_000)
    expect(desk).to_contain_text("试播中，只有你看得到", timeout=8000)
    expect(desk).to_contain_text("640×360")
    expect(desk).to_contain_text(re.compile(r"声音正常，-1[0-9] dB"), timeout=8000)
    page.get_by_role("button", name="检查声音").click()
    until(page, "document.querySelector('#monitor meter').value > 0.5", 20)
    expect(desk).to_contain_text("请设为 2 秒", timeout=25_000)
    page.wait_for_timeout(800)
    axe(page, "#videodesk")
    page.get_by_role("button", name="我要开播").click()
    expect(desk).to_contain_text("观众看得到", timeout=8000)
    page.reload()
    assert key not in page.content()


# The fake camera's picture is replaced by the clock of the encoder, drawn 25 times a second; recorder, sound and the rest are real.
CLOCK_CAMERA = """
const devices = MediaDevices.prototype, ask = devices.getUserMedia;
devices.getUserMedia = async function (wanted) {
  const real = await ask.call(this, wanted);
  if (!wanted.video) return real;
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const context = canvas.getContext("2d", { alpha: false });
  setInterval(() => {
    const now = Date.now() % 2 ** 32;
    context.fillStyle = `hsl(${Math.floor(now / 20) % 360} 40% 40%)`;
    context.fillRect(0, 32, 640, 328);
    for (let bit = 0; bit < 32; bit++) {
      context.fillStyle = Math.floor(now / 2 ** (31 - bit)) % 2 ? "#fff" : "#000";
      context.fillRect(bit * 20, 0, 20, 32);
    }
  }, 40);
  return new MediaStream([...canvas.captureStream(25).getVideoTracks(), ...real.getAudioTracks()]);
};
"""


@pytest.fixture
def filming(browser, site: Site) -> Iterator[Callable[..., Page]]:
    """A desktop whose camera shows the time of day; its microphone is Chromium's test tone."""
    options = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    own = browser.browser_type.launch(executable_path=find_chromium(), args=options)

    def make(user: User, *, size: tuple[int, int] = (1280, 800), has_clock: bool = True) -> Page:
        viewport = {"width": size[0], "height": size[1]}
        context = own.new_context(base_url=site.url, locale="zh-CN", viewport=viewport, reduced_motion="reduce")
        page = context.new_page()
        if has_clock:
            page.add_init_script(CLOCK_CAMERA)
        sign_in(page, user)
        return page

    yield make
    own.close()


def test_the_camera_of_the_browser_goes_to_every_screen(media: Media, filming, phone, room: Room, viewer: User) -> None:
    cast.make_shelf_item(room)
    studio = filming(room.anchor)
    studio.goto("/studio/axia")
    studio.get_by_role("button", name="用这个摄像头开播").click()
    expect(studio.locator("video.camera__own")).to_be_visible()
    watching = phone(viewer)
    watching.goto("/live/axia")
    expect(watching.locator("main[data-playing='wire']")).to_be_visible(timeout=15_000)
    watching.wait_for_timeout(4000)
    late = lateness(watching)
    print(f"lateness from the browser's camera to the second browser: {late:.2f} s")
    assert late <= 1.5
    before = watching.evaluate("document.querySelector('video').currentTime")
    watching.wait_for_timeout(1000)
    assert watching.evaluate("document.querySelector('video').currentTime") > before + 0.8
    assert watching.evaluate("document.querySelector('video').webkitAudioDecodedByteCount") > 0
    studio.get_by_role("button", name="关闭摄像头").click()
    expect(watching.locator("#panel-stage")).to_contain_text("主播马上回来", timeout=8000)
    assert room.streams.get().end_reason == "camera_closed"


def test_a_camera_in_an_upright_window_is_not_too_large(media: Media, filming, room: Room) -> None:
    cast.make_shelf_item(room)
    studio = filming(room.anchor, size=(390, 844), has_clock=False)
    errors: list[str] = []
    studio.on("pageerror", lambda error: errors.append(str(error)))
    studio.goto("/studio/axia")
    studio.get_by_role("button", name="用这个摄像头开播").click()
    stream = soon(lambda: room.streams.filter(width__gt=0).first(), 20)
    assert max(stream.width, stream.height) <= 1280
    assert stream.ended_at is None
    studio.get_by_role("button", name="关闭摄像头").click()
    soon(lambda: room.streams.filter(end_reason="camera_closed").exists())
    assert errors == []
