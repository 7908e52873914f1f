"""The studio in real browsers: a key reaches a phone, operators see each other, a withdrawn right closes the page."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from campaigns import deals, drops
from campaigns.models import Deal
from rooms import moderation
from rooms.models import ChatLine, ModeratorGrant, Pin, Recording, Room, ShelfItem
from tests import cast
from tests.browser.site import Site

MakePage = Callable[..., Page]


@pytest.fixture
def items(room: Room) -> list[ShelfItem]:
    shop = cast.make_shop(room.anchor)
    return [cast.make_shelf_item(room, cast.make_product(shop, title=title)) for title in ("洛川红富士", "秦岭百花蜜")]


@pytest.fixture
def moderator(room: Room) -> User:
    user = cast.make_user("场控小周")
    ModeratorGrant.objects.create(room=room, user=user, powers=["pin", "delete_chat", "mute"], granted_by=room.anchor)
    return user


def open_studio(page: Page, room: Room) -> Page:
    page.goto(f"/studio/{room.slug}")
    expect(page.locator("#link-state")).to_contain_text("已连接")
    return page


def test_a_key_pins_for_the_phone_and_the_second_operator(
    site: Site, desktop: MakePage, phone: MakePage, room: Room, items: list[ShelfItem], moderator: User, viewer: User
) -> None:
    anchor, second, watching = open_studio(desktop(room.anchor), room), open_studio(desktop(moderator), room), phone(viewer)
    watching.goto(f"/live/{room.slug}")
    expect(watching.locator("[data-online]").first).not_to_be_empty()
    watching.wait_for_timeout(500)
    pressed = time.monotonic()
    anchor.keyboard.press("1")
    expect(watching.locator("#panel-pin")).to_contain_text("洛川红富士", timeout=1000)
    assert time.monotonic() - pressed < 1
    expect(second.locator(".good.is-pinned")).to_have_attribute("data-number", "1")
    expect(second.locator("#panel-head")).to_contain_text(f"{room.anchor.nickname} 开始讲解 1 号")
    second.keyboard.press("2")
    expect(anchor.locator(".good.is-pinned")).to_have_attribute("data-number", "2")
    expect(anchor.locator("#panel-head")).to_contain_text("场控小周 开始讲解 2 号")
    anchor.keyboard.press("0")
    expect(second.locator(".good.is-pinned")).to_have_count(0)
    assert not Pin.objects.filter(ended_at=None).exists()


def test_a_deleted_line_goes_from_the_phone_and_comes_back(
    site: Site, desktop: MakePage, phone: MakePage, room: Room, moderator: User, viewer: User
) -> None:
    ChatLine.objects.create(room=room, user=viewer, text="加我私下便宜")
    keeping, watching = open_studio(desktop(moderator), room), phone(cast.make_user("微风"))
    watching.goto(f"/live/{room.slug}")
    expect(watching.locator("#chat")).to_contain_text("加我私下便宜")
    line = keeping.locator("#talk .line", has_text="加我私下便宜")
    line.hover()
    line.get_by_role("button", name="删除").click()
    expect(watching.locator("#chat")).not_to_contain_text("加我私下便宜", timeout=1000)
    keeping.get_by_role("button", name="撤销").click()
    expect(watching.locator("#chat")).to_contain_text("加我私下便宜", timeout=2000)


def test_a_withdrawn_right_closes_the_studio_at_once(site: Site, desktop: MakePage, room: Room, moderator: User) -> None:
    page = open_studio(desktop(moderator), room)
    page.wait_for_timeout(500)
    moderation.revoke_moderator(room=room, user=moderator, by=room.anchor)
    expect(page.locator("#closed")).to_be_visible(timeout=1000)


def test_the_shelf_is_ordered_by_the_keyboard(site: Site, desktop: MakePage, room: Room, items: list[ShelfItem]) -> None:
    page = open_studio(desktop(room.anchor), room)
    with page.expect_response(lambda answer: answer.request.method == "POST") as saved:
        page.get_by_role("button", name="2 号上移").press("Enter")
    expect(page.locator("#goods > li").first).to_have_attribute("data-number", "2")
    assert saved.value.ok
    page.reload()
    expect(page.locator("#goods > li").first).to_have_attribute("data-number", "2")


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_the_shelf_is_ordered_and_emptied_by_mouse_and_thumb(
    site: Site, device: str, request: pytest.FixtureRequest, room: Room, items: list[ShelfItem]
) -> None:
    page = open_studio(request.getfixturevalue(device)(room.anchor), room)
    page.locator(".good").first.locator("[data-step=down]").click()
    expect(page.locator(".good").first).to_contain_text("秦岭百花蜜")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".good").first.get_by_role("button", name="下架 2 号").click()
    expect(page.locator(".good")).to_have_count(1)
    assert room.shelf_items.filter(is_listed=True).get() == items[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_stands_in_anyones_way(
    site: Site, desktop: MakePage, axe: Callable[..., None], room: Room, items: list[ShelfItem], viewer: User, theme: str
) -> None:
    ChatLine.objects.create(room=room, user=viewer, text="几号链接？")
    page = desktop(room.anchor)
    page.context.add_cookies([{"name": "studio_theme", "value": theme, "domain": "127.0.0.1", "path": "/studio"}])
    open_studio(page, room)
    page.keyboard.press("1")
    expect(page.locator(".good.is-pinned")).to_have_count(1)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    axe(page)


def test_the_phones_studio_and_the_home_are_accessible(
    site: Site, phone: MakePage, axe: Callable[..., None], room: Room, items: list[ShelfItem]
) -> None:
    page = open_studio(phone(room.anchor), room)
    for part in ("shelf", "chat", "people", "data"):
        page.locator(f"[data-to={part}]").click()
        axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto("/studio/")
    axe(page)


def test_the_warning_of_a_full_quota_keeps_its_distance_from_the_camera_button(tmp_path: Path, phone, desktop, room: Room) -> None:
    Recording.objects.create(room=room, show=room.shows.get(), path="a.mp4", mime="", size=870_000_000)
    tight = Site(tmp_path / "site.log", RECORDINGS_ROOM_GB="1").start()
    try:
        for make in (phone, desktop):
            page = make(room.anchor, base_url=tight.url)
            page.goto("/studio/axia")
            button = page.get_by_role("button", name="用这个摄像头开播").bounding_box()
            warning = page.locator(".vdesk > .alert").bounding_box()
            assert button
            assert warning
            assert 6 <= warning["y"] - button["y"] - button["height"] <= 16
    finally:
        tight.stop()


def test_the_newest_talk_and_the_answer_are_in_sight(site: Site, desktop: MakePage, room: Room, viewer: User) -> None:
    ChatLine.objects.bulk_create([ChatLine(room=room, user=viewer, text=f"第{n}句话") for n in range(80)])
    page = open_studio(desktop(room.anchor), room)
    log = page.locator("#talk-log")
    assert log.evaluate("(node) => node.clientHeight < 700 && node.scrollHeight > node.clientHeight")
    expect(log.get_by_text("第79句话")).to_be_in_viewport()
    expect(page.locator("#speak-text")).to_be_in_viewport()
    log.hover()
    page.mouse.wheel(0, -600)
    expect(log.get_by_text("第79句话")).not_to_be_in_viewport()


def test_a_sale_does_not_empty_the_form_that_is_being_filled_in(site: Site, desktop: MakePage, room: Room, items: list[ShelfItem]) -> None:
    page = open_studio(desktop(room.anchor), room)
    drops_panel = page.locator("#panel-drops")
    drops_panel.get_by_text("计划一元购").click()
    form = drops_panel.locator("#plan-deal form")
    form.locator("select[name=sku]").select_option(index=1)
    chosen = form.locator("select[name=sku]").input_value()
    form.locator("[name=total]").fill("7")
    # Somebody else's plan draws the list anew, as every sale does.
    sku = items[0].product.skus.get()
    how = {"title": "别人的一元购", "price_fen": 100, "total": 3, "run_s": 300, "per_day_limit": 0, "hold_s": 120}
    drops.press(drop=deals.plan(room=room, sku=sku, by=room.anchor, **how).drop, by=room.anchor)
    expect(drops_panel.locator("[data-moving]")).to_contain_text("别人的一元购")
    assert form.locator("select[name=sku]").input_value() == chosen
    assert form.locator("[name=total]").input_value() == "7"
    expect(drops_panel.locator("#plan-coupon [name=total]")).not_to_have_value("7")
    form.get_by_role("button", name="先存为计划").click()
    expect(drops_panel.locator("[data-moving] > ul > li")).to_have_count(2)
    assert Deal.objects.get(total=7).sku.public_id == chosen
