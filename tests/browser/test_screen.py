"""The second screen in a real Chromium: picture, pinned product, chat and deal on the wall, the way from it to a phone, and hours alone."""

import time
import uuid

from playwright.sync_api import expect

from accounts.models import User
from campaigns.models import Deal
from rooms import chat, screens, stage
from rooms.models import Room, ShowViewer
from rooms.video.tests.conftest import Media, soon
from tests import cast, scarce
from tests.browser.site import Site
from tests.browser.streams import lateness

WALL = {"viewport": {"width": 1920, "height": 1080}, "reduced_motion": "no-preference"}


def test_the_wall_shows_the_show_and_leads_phones_to_it(media: Media, encode, new_page, phone, axe, room: Room, viewer: User) -> None:
    first = cast.make_shelf_item(room, cast.make_product(title="洛川红富士 80mm 5斤装 现摘现发"))
    second = cast.make_shelf_item(room, cast.make_product(title="洛川嘎啦 3斤装", price_fen=2490))
    deal: Deal = scarce.make_deal(room, total=50, title="一元抢苹果", price_fen=100)
    scarce.make_coupon(room, total=30)
    encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    stage.pin(room=room, item=first, by=room.anchor)
    wall = new_page(WALL)
    wall.add_init_script("navigator.wakeLock.request = async (kind) => { window.awake = kind; return new EventTarget(); }")
    wall.goto("/screen/axia")
    expect(wall.locator("main[data-playing='wire']")).to_be_visible(timeout=10_000)
    expect(wall.locator("#panel-pin")).to_contain_text("洛川红富士")
    expect(wall.locator("#panel-pin .price").first).to_contain_text("39.90")
    card = wall.locator(f"[data-deal='{deal.public_id}']")
    expect(card).to_contain_text("剩 50")
    assert wall.evaluate("window.awake") == "screen"
    whole = "box => getComputedStyle(box).overflowY === 'visible' || box.scrollHeight <= box.clientHeight"
    assert wall.locator("#panel-pin .price").first.evaluate(whole), "the price is not cut"
    assert wall.locator("main :is(a, form):not([inert] *)").count() == 0, "there is nothing to tap"

    watching = phone(viewer)
    watching.goto(f"/tv/{screens.code_of(room)}")
    assert watching.url.endswith("/live/axia?channel=tv")
    expect(watching.locator("#panel-pin")).to_contain_text("洛川红富士")
    began = time.monotonic()
    stage.pin(room=room, item=second, by=room.anchor)
    for page in (wall, watching):
        expect(page.locator("#panel-pin")).to_contain_text("洛川嘎啦", timeout=2000)
    print(f"the pin reached wall and phone within {time.monotonic() - began:.2f} s")
    for text in ("这个脆不脆呀", "几号链接？"):
        chat.say(room=room, user=cast.make_user(), key=uuid.uuid4(), text=text)
    expect(wall.locator("#chat")).to_contain_text("几号链接？", timeout=2000)
    wall.wait_for_timeout(2000)
    late = lateness(wall)
    print(f"lateness on the wall: {late:.2f} s")
    assert late <= 1.2
    axe(wall)
    wall.set_viewport_size({"width": 1280, "height": 800})
    wall.wait_for_timeout(400)
    for inside in ("#panel-pin .deal", "#panel-drops .deal--drop", "#panel-drops .deal--coupon", ".screen__join"):
        box = wall.locator(inside).first.bounding_box()
        assert box, inside
        assert 0 <= box["y"] <= 800 - box["height"], inside
    soon(lambda: ShowViewer.objects.filter(person=f"u:{viewer.public_id}").exists(), 15)
    assert list(ShowViewer.objects.values_list("person", "channel")) == [(f"u:{viewer.public_id}", "tv")], "the wall is nobody"


def test_the_wall_comes_back_by_itself_when_site_and_media_died(site: Site, media: Media, encode, new_page, room: Room) -> None:
    item = cast.make_shelf_item(room)
    stage.pin(room=room, item=item, by=room.anchor)
    first = encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    wall = new_page(WALL)
    wall.goto("/screen/axia")
    expect(wall.locator("main[data-playing]")).to_be_visible(timeout=10_000)
    first.stop()
    media.process.kill()
    site.kill()
    expect(wall.locator("#link-state")).to_be_visible(timeout=5000)
    media.process.wait(10)
    site.start()
    media.start()
    encode(room)
    stage.unpin(room=room, by=room.anchor)
    expect(wall.locator("#panel-pin .deal")).to_have_count(0, timeout=30_000)
    expect(wall.locator("#link-state")).to_be_hidden(timeout=10_000)
    expect(wall.locator("main[data-playing='wire']")).to_be_visible(timeout=60_000)
    soon(lambda: lateness(wall) <= 2, 60)


def test_a_wall_that_stood_for_hours_is_loaded_anew(new_page, room: Room) -> None:
    wall = new_page(WALL)
    wall.clock.install()
    wall.goto("/screen/axia")
    wall.evaluate("window.isOld = true")
    with wall.expect_event("load"):
        wall.clock.fast_forward(7 * 3600 * 1000)
    assert wall.evaluate("window.isOld === undefined")
    expect(wall.locator("#screen-code")).to_be_visible()
