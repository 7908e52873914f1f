"""The stage beside other things: small over sheets and pages, back in time, and the present again."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from rooms import stage
from rooms.models import Room
from rooms.video.tests.conftest import Media, soon
from tests import cast
from tests.browser.streams import lateness, until

COVERED = """(() => {
    const small = document.querySelector('.corner').getBoundingClientRect();
    const lies = (part) => (({ top, bottom, height }) => height && bottom > small.top && top < small.bottom)(part.getBoundingClientRect());
    return [...document.querySelectorAll('.top, h1, .tabs, .product__buy, .checkout__foot, .tabbar')].filter(lies).map((part) => part.className);
})()"""
VIDEO = "document.querySelector('video.stage__video, .corner video')"


def assert_moves(page: Page) -> None:
    before = page.evaluate(f"{VIDEO}.currentTime")
    until(page, f"{VIDEO}.currentTime >= {before} + 0.8", 4)


def test_the_show_goes_on_small_over_goods_and_checkout(media: Media, encode, phone, desktop, axe, room: Room, viewer: User) -> None:
    item = cast.make_shelf_item(room)
    stage.pin(room=room, item=item, by=room.anchor)
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = phone(viewer)
    page.goto("/live/axia")
    page.get_by_role("button", name="轻点开启声音").tap()
    page.evaluate(f"window.first = {VIDEO}")
    small = page.locator("#mini")
    for opens, tells in (("#panel-pin .deal__pic", item.product.title), ("#panel-pin a.go", "收货")):
        page.locator(opens).tap()
        expect(page.locator("#sheet-body")).to_contain_text(tells)
        expect(small).to_be_visible()
        assert_moves(page)
        assert page.evaluate("window.first === document.querySelector('#mini video') && !window.first.muted"), (
            "the same picture with its sound"
        )
        page.wait_for_timeout(500)
        corner, sheet = small.bounding_box(), page.locator("#sheet").bounding_box()
        assert corner
        assert sheet
        assert corner["y"] + corner["height"] <= sheet["y"], "nothing of the sheet is covered"
        axe(page)
        small.tap()
        expect(page.locator("#sheet")).to_be_hidden()
        until(page, "window.first.closest('.stage') !== null", 2)
        assert_moves(page)
        assert lateness(page) <= 3
    wide = desktop()
    wide.goto("/live/axia")
    expect(wide.locator("main[data-playing]")).to_be_visible(timeout=5000)
    wide.locator("#panel-pin .deal__pic").click()
    expect(wide.locator("#mini video")).to_be_visible()
    wide.wait_for_timeout(800)


def test_whole_pages_opened_from_a_show_keep_its_picture_and_sound(
    media: Media, encode, phone, desktop, axe, room: Room, viewer: User
) -> None:
    item = cast.make_shelf_item(room)
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = phone(viewer)
    page.goto(f"/p/{item.product.public_id}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".corner")).to_have_count(0)
    page.goto("/live/axia")
    page.get_by_role("button", name="轻点开启声音").tap()
    sku = item.product.skus.get().public_id
    for address in (f"/p/{item.product.public_id}", f"/checkout?sku={sku}&item={item.public_id}&room=axia", "/o/"):
        page.goto(address)
        expect(page.locator(".corner")).to_be_visible(timeout=8000)
        assert_moves(page)
        assert page.evaluate(f"{VIDEO}.muted") is False, "the sound she wanted goes on"
        axe(page)
        assert page.evaluate(COVERED) == [], "it stands below what is read first and above the bars"
    page.get_by_role("link", name="回到直播间").tap()
    expect(page.locator("main.room[data-playing]")).to_be_visible(timeout=5000)
    assert page.evaluate(f"{VIDEO}.muted") is False
    page.goto("/o/")
    page.get_by_role("button", name="关闭小窗").tap()
    expect(page.locator(".corner")).to_have_count(0)
    page.goto(f"/p/{item.product.public_id}")
    page.wait_for_timeout(1500)
    expect(page.locator(".corner")).to_have_count(0)

    wide = desktop()
    wide.goto("/live/axia")
    expect(wide.locator("main[data-playing]")).to_be_visible(timeout=5000)
    wide.goto(f"/p/{item.product.public_id}")
    expect(wide.locator(".corner")).to_be_visible(timeout=8000)
    assert wide.evaluate(f"{VIDEO}.muted") is True
    box = wide.locator(".corner").bounding_box()
    assert box
    wide.mouse.move(box["x"] + 40, box["y"] + 90)
    wide.mouse.down()
    wide.mouse.move(340, 200, steps=4)
    wide.mouse.up()
    until(wide, "(({ x, y }) => x === 300 && y === 110)(document.querySelector('.corner').getBoundingClientRect())")
    assert wide.url.endswith(item.product.public_id), "moving it is no tap"
    stage.end_show(room=room, by=room.anchor)
    expect(wide.locator(".corner")).to_be_hidden(timeout=8000)


def test_back_thirty_seconds_and_to_the_present_again(media: Media, encode, phone, axe, room: Room, viewer: User) -> None:
    item = cast.make_shelf_item(room)
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = phone(viewer)
    page.goto("/live/axia")
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=8000)
    page.wait_for_timeout(33_000)
    page.get_by_role("button", name="后退 30 秒").tap()
    expect(page.locator("main[data-playing='past']")).to_be_visible(timeout=5000)
    until(page, f"{VIDEO}.readyState >= 3")
    page.wait_for_timeout(1000)
    late = lateness(page)
    print(f"after going back 30 s the clock is {late:.1f} s old")
    assert 25 <= late <= 36
    assert_moves(page)
    stage.pin(room=room, item=item, by=room.anchor)
    expect(page.locator("#panel-pin")).to_contain_text(item.product.title, timeout=2000)
    axe(page)

    slider = page.get_by_role("slider", name="回看位置")
    slider.evaluate("(node) => { node.value = Number(node.max) - 9; node.dispatchEvent(new Event('change')); }")
    until(page, f"{VIDEO}.readyState >= 3 && !{VIDEO}.seeking")
    page.wait_for_timeout(14_000)
    late = lateness(page)
    print(f"nine seconds behind it plays past the table it began with: {late:.1f} s old")
    assert 7 <= late <= 14

    page.get_by_role("button", name="回到直播").tap()
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=5000)
    page.wait_for_timeout(2500)
    late = lateness(page)
    print(f"back to live: {late:.2f} s")
    assert late <= 1.5
    assert page.locator("video").count() == 1


class Meter:
    """What a page's network brings in, in bytes: requests and websocket frames."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda told: self.add(told["encodedDataLength"]))
        session.on("Network.webSocketFrameReceived", lambda told: self.add(len(told["response"]["payloadData"]) * 3 // 4))

    def add(self, size: float) -> None:
        self.bytes += int(size)

    def per_minute(self, page: Page, seconds: float) -> float:
        self.bytes = 0
        page.wait_for_timeout(seconds * 1000)
        return self.bytes * 60 / seconds


def test_who_saves_data_sees_stills_and_pays_little(media: Media, encode, phone, axe, room: Room, viewer: User) -> None:
    item = cast.make_shelf_item(room)
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = phone(viewer)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto("/live/axia")
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=8000)
    meter = Meter(page)
    rich = meter.per_minute(page, 6)
    page.get_by_role("button", name="省流量").tap()
    still = page.locator("img.stage__video.is-still")
    expect(still).to_be_visible(timeout=8000)
    expect(page.locator("video")).to_have_count(0)
    first = page.evaluate(CODE)
    poor = meter.per_minute(page, 22)
    print(f"bytes a minute: {rich:,.0f} with video, {poor:,.0f} with stills")
    assert rich > 10 * poor
    assert poor < 300_000
    soon(lambda: page.evaluate(CODE) != first, 30)  # the still moves on
    stage.pin(room=room, item=item, by=room.anchor)
    expect(page.locator("#panel-pin")).to_contain_text(item.product.title, timeout=2000)
    axe(page)
    sockets.clear()
    page.reload()
    expect(still).to_be_visible(timeout=8000)
    page.goto(f"/p/{item.product.public_id}")
    page.wait_for_timeout(1500)
    expect(page.locator(".corner")).to_have_count(0)
    assert not [url for url in sockets if "/media/live/" in url], "no stream at all"
    page.goto("/live/axia")
    page.get_by_role("button", name="省流量中 · 看视频").tap()
    expect(page.locator("main[data-playing='wire']")).to_be_visible(timeout=8000)
    expect(still).to_have_count(0)


@pytest.mark.parametrize("wants", [True, False])
def test_a_browser_that_saves_data_begins_with_stills(media: Media, encode, phone, room: Room, wants: bool) -> None:
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    page = phone()
    page.add_init_script(f"Object.defineProperty(NetworkInformation.prototype, 'saveData', {{ get: () => {str(wants).lower()} }})")
    page.goto("/live/axia")
    expect(page.locator(f"main[data-playing='{'still' if wants else 'wire'}']")).to_be_visible(timeout=10_000)


# The clock burnt into the still, as bits.
CODE = """
() => {
  const image = document.querySelector("img.is-still");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 360];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 640, 360);
  return [...context.getImageData(0, 16, 640, 1).data].filter((_, at) => at % 80 === 41).map((green) => (green > 128 ? 1 : 0)).join("");
}
"""
