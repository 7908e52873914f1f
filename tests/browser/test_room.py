"""The live room in real browsers: what reaches every screen, what survives, what can be done by keyboard or without a script."""

import re
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from campaigns import claims
from campaigns.models import Claim, Deal, DealState
from rooms import chat, stage
from rooms.models import ChatLine, Room
from tests import cast
from tests.browser.site import Line, Site

OPEN_MS = 15_000


@pytest.fixture
def goods(room: Room) -> list:
    titles = ["洛川红富士 5斤装", "秦岭百花蜜 500g", "安溪铁观音 250g"]
    return [cast.make_shelf_item(room, cast.make_product(title=title)) for title in titles]


def enter(page: Page, path: str = "/live/axia") -> Page:
    """Opens the room and waits until its connection is up."""
    with page.expect_websocket(timeout=OPEN_MS) as socket:
        page.goto(path)
    socket.value.wait_for_event("framereceived", timeout=OPEN_MS)
    return page


def type_line(page: Page, text: str) -> None:
    """Says a line as its reader would."""
    page.locator("#say-text").fill(text)
    page.locator("#say-text").press("Enter")


def say(room: Room, user: User, text: str) -> ChatLine:
    """A line that is there for pages opened or caught up later."""
    ChatLine.objects.filter(user=user).update(at="2020-01-01T00:00Z")  # the tempo rule is not what is tested here
    return chat.say(room=room, user=user, key=uuid.uuid4(), text=text)


def test_a_pin_reaches_two_screens_within_a_second(site: Site, phone, desktop, room: Room, anchor: User, viewer: User, goods: list) -> None:
    stage.pin(room=room, item=goods[0], by=anchor)
    screens = [enter(phone(viewer)), enter(desktop())]
    for page in screens:
        expect(page.locator("#panel-pin")).to_contain_text("洛川红富士")
    began = time.monotonic()
    stage.pin(room=room, item=goods[1], by=anchor)
    for page in screens:
        expect(page.locator("#panel-pin")).to_contain_text("秦岭百花蜜", timeout=1000)
    assert time.monotonic() - began < 1.5  # both, including the time to look
    expect(screens[0].locator("#announce")).to_contain_text("秦岭百花蜜")


def test_a_half_typed_line_survives_a_live_change(site: Site, phone, room: Room, anchor: User, viewer: User, goods: list) -> None:
    page = enter(phone(viewer))
    field = page.locator("#say-text")
    field.fill("这个甜不")
    field.focus()
    stage.pin(room=room, item=goods[2], by=anchor)
    expect(page.locator("#panel-pin")).to_contain_text("铁观音")
    expect(field).to_have_value("这个甜不")
    expect(field).to_be_focused()
    page.keyboard.type("甜")
    expect(field).to_have_value("这个甜不甜")


def test_an_own_line_is_grey_then_black_and_never_double(site: Site, phone, desktop, room: Room, viewer: User) -> None:
    mine, other = enter(phone(viewer)), enter(desktop())
    mine.locator("#say-text").fill("一号链接还有吗")
    mine.locator("#say-text").press("Enter")
    expect(mine.locator("#chat .line", has_text="一号链接还有吗")).to_have_count(1, timeout=300)
    expect(other.locator("#chat .line", has_text="一号链接还有吗")).to_have_count(1)
    expect(mine.locator("#chat .line--waiting")).to_have_count(0)
    mine.wait_for_timeout(400)
    for page in (mine, other):
        expect(page.locator("#chat .line", has_text="一号链接还有吗")).to_have_count(1)
    expect(mine.locator("#chat .line--own")).to_have_count(1)
    expect(other.locator("#chat .line--own")).to_have_count(0)


def test_too_fast_is_told_at_the_line_and_keeps_the_words(site: Site, phone, room: Room, viewer: User) -> None:
    page = enter(phone(viewer))
    for text in ("第一句", "第二句"):
        page.locator("#say-text").fill(text)
        page.locator("#say-text").press("Enter")
    refused = page.locator("#chat .line--refused")
    expect(refused).to_contain_text("第二句")
    expect(refused).to_contain_text("太快了")
    refused.get_by_role("button").click()
    expect(page.locator("#say-text")).to_have_value("第二句")
    assert ChatLine.objects.filter(room=room).count() == 1


@pytest.fixture
def deal(room: Room, anchor: User, goods: list) -> Deal:
    now = timezone.now()
    return Deal.objects.create(
        room=room,
        show=room.shows.get(),
        sku=goods[0].product.skus.get(),
        title="1 元洛川红富士",
        total=5,
        available=5,
        state=DealState.PUBLISHED,
        starts_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(minutes=10),
        created_by=anchor,
    )


@pytest.mark.parametrize("seconds", [5, 60])
def test_time_offline_is_caught_up_with_the_own_win_and_without_doubles(
    site: Site, line: Line, phone, desktop, room: Room, anchor: User, viewer: User, goods: list, deal: Deal, seconds: int
) -> None:
    stage.pin(room=room, item=goods[0], by=anchor)
    say(room, viewer, "断线之前")
    other = enter(desktop(anchor))
    page = enter(phone(viewer), f"{line.url}/live/axia")
    page.get_by_role("button", name="立即抢").click()
    expect(page.locator(".go--won")).to_be_visible()
    line.cut()
    expect(page.locator("#link-state")).to_contain_text("重连", timeout=OPEN_MS)
    stage.pin(room=room, item=goods[1], by=anchor)
    rival = cast.make_user("手快")
    claims.claim_now(deal_id=deal.pk, user_id=rival.pk, key=uuid.uuid4())
    for n in range(3):
        say(room, viewer, f"断线之中 {n}")
    page.wait_for_timeout(seconds * 1000)
    expect(page.locator("#panel-pin")).to_contain_text("洛川红富士")  # she heard nothing
    line.mend()
    expect(page.locator("#panel-pin")).to_contain_text("秦岭百花蜜", timeout=30_000)
    expect(page.locator("#panel-drops .bar")).to_contain_text("剩 3")
    expect(page.locator(f"[data-deal='{deal.public_id}'] .go--won [data-countdown-to]")).to_contain_text(re.compile(r"\d:\d\d"))
    expect(page.locator("#chat .line", has_text="断线之中 2")).to_have_count(1)
    type_line(other, "恢复之后")
    expect(page.locator("#chat .line", has_text="恢复之后")).to_have_count(1)
    said = page.locator("#chat .line > span:last-child").all_inner_texts()
    assert said == ["断线之前", "断线之中 0", "断线之中 1", "断线之中 2", "恢复之后"]
    expect(page.locator("#link-state")).to_be_hidden(timeout=6000)
    assert Claim.objects.filter(user=viewer).count() == 1


def test_a_restarted_server_is_found_again(site: Site, phone, room: Room, anchor: User, goods: list) -> None:
    page = enter(phone())
    site.restart()
    stage.pin(room=room, item=goods[1], by=anchor)
    expect(page.locator("#panel-pin")).to_contain_text("秦岭百花蜜", timeout=30_000)


def test_a_won_deal_says_so_over_its_card(site: Site, phone, desktop, room: Room, viewer: User, deal: Deal) -> None:
    page, other = enter(phone(viewer)), enter(desktop())
    page.get_by_role("button", name="立即抢").click()
    won = page.locator(f"[data-deal='{deal.public_id}'] .go--won")
    expect(won).to_be_visible(timeout=3000)
    assert list(Claim.objects.values_list("deal", "user")) == [(deal.pk, viewer.pk)]
    expect(other.locator("#panel-drops .bar")).to_contain_text("剩 4")  # everyone sees the stock fall
    expect(other.locator(".go--won")).to_have_count(0)
    won.click()
    expect(page.locator("#sheet")).to_contain_text("1.00")
    assert page.url.endswith("/live/axia")


def test_a_tap_while_the_line_is_down_is_checked_and_counts_once(
    site: Site, line: Line, phone, room: Room, viewer: User, deal: Deal
) -> None:
    page = enter(phone(viewer), f"{line.url}/live/axia")
    line.cut()
    page.get_by_role("button", name="立即抢").click()
    expect(page.get_by_role("button", name="正在核对")).to_be_visible(timeout=10_000)
    line.mend()
    expect(page.locator(".go--won")).to_be_visible(timeout=20_000)
    assert Claim.objects.count() == 1
    deal.refresh_from_db()
    assert (deal.available, deal.held) == (4, 1)


def test_a_guest_who_taps_signs_in_first_and_nothing_is_claimed_for_her(
    site: Site, phone, login, room: Room, viewer: User, deal: Deal
) -> None:
    page = enter(phone())
    page.get_by_role("button", name="立即抢").click()
    expect(page.locator("#sheet")).to_contain_text("不会自动帮你抢")
    login(page, viewer)
    page.reload()
    expect(page.get_by_role("button", name="立即抢")).to_be_visible()
    assert not Claim.objects.exists()


def test_the_end_of_the_show_leaves_the_goods(site: Site, phone, room: Room, anchor: User, goods: list) -> None:
    page = enter(phone())
    stage.end_show(room=room, by=anchor)
    expect(page.get_by_text("直播已结束")).to_be_visible()
    expect(page.locator("#panel-shelf")).to_contain_text("安溪铁观音")
    expect(page.locator("#shelf")).to_be_visible()
    expect(page.locator("#say")).to_be_hidden()


def test_likes_rise_for_everyone(site: Site, phone, desktop, room: Room, viewer: User) -> None:
    mine, other = enter(phone(viewer)), enter(desktop())
    for _ in range(5):
        mine.locator("#like").click()
    expect(mine.locator("[data-likes]")).to_have_text("5")
    expect(other.locator("[data-likes]")).to_have_text("5")


def test_a_guest_keeps_her_words_through_the_sign_in(site: Site, phone, login, room: Room, viewer: User) -> None:
    page = enter(phone())
    page.locator("#say-text").fill("想问问怎么发货")
    page.locator("#say-text").press("Enter")
    sheet = page.locator("#sheet")
    expect(sheet).to_be_visible()
    href = sheet.get_by_role("link").first.get_attribute("href")
    assert href is not None
    assert href.endswith("next=/live/axia")
    assert not ChatLine.objects.exists()
    login(page, viewer)
    page.reload()
    expect(page.locator("#say-text")).to_have_value("想问问怎么发货")
    assert not ChatLine.objects.exists()  # nothing was said for her


def test_sheets_by_keyboard(site: Site, phone, room: Room, goods: list) -> None:
    page = enter(phone())
    bag = page.locator(".bag")
    bag.focus()
    page.keyboard.press("Enter")
    sheet = page.locator("#sheet")
    expect(sheet).to_contain_text("秦岭百花蜜")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("!document.activeElement.closest('main')")  # the show behind the sheet is out of reach
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(bag).to_be_focused()
    expect(page.locator("main #panel-shelf")).to_have_count(1)  # the shelf went home


def test_the_shelf_stays_live_inside_its_sheet(site: Site, phone, room: Room, anchor: User, goods: list) -> None:
    page = enter(phone())
    page.locator(".bag").click()
    expect(page.locator("#sheet .shelf__item--on")).to_have_count(0)
    stage.pin(room=room, item=goods[1], by=anchor)
    expect(page.locator("#sheet .shelf__item--on")).to_contain_text("秦岭百花蜜")


def test_sharing_opens_over_the_show(site: Site, phone, room: Room) -> None:
    page = enter(phone())
    page.get_by_role("link", name="分享").click()
    expect(page.locator("#sheet .qr svg")).to_be_visible()
    expect(page.locator("#share-link")).to_have_value(f"{site.url}/live/axia")
    assert page.url == f"{site.url}/live/axia"


def test_reading_back_is_not_disturbed_by_new_lines(site: Site, phone, desktop, room: Room, anchor: User, viewer: User) -> None:
    for n in range(40):
        say(room, viewer, f"第 {n} 句")
    page = enter(phone())
    log = page.locator("#chat-log")
    log.evaluate("node => { node.scrollTop = 0; node.dispatchEvent(new Event('scroll')); }")
    type_line(enter(desktop(anchor)), "新来的一句")
    chip = page.locator("#chat-new")
    expect(chip).to_contain_text("1 条新消息")
    assert log.evaluate("node => node.scrollTop") == 0
    chip.click()
    expect(page.get_by_text("新来的一句")).to_be_in_viewport()
    expect(chip).to_be_hidden()


def test_useful_without_a_script(site: Site, phone, room: Room, anchor: User, viewer: User, goods: list) -> None:
    stage.pin(room=room, item=goods[0], by=anchor)
    page = phone(viewer, java_script_enabled=False)
    page.goto("/live/axia")
    expect(page.locator("#panel-pin")).to_contain_text("洛川红富士")
    page.locator("#say-text").fill("没有脚本也能说话")
    page.locator("#say-text").press("Enter")
    expect(page.locator("#chat")).to_contain_text("没有脚本也能说话")
    page.locator(".bag").click()
    expect(page.locator("#shelf")).to_be_visible()


@pytest.mark.parametrize("shape", ["phone", "desktop"])
def test_no_accessibility_fault(
    site: Site, request, axe: Callable[..., None], shape: str, room: Room, anchor: User, viewer: User, goods: list
) -> None:
    stage.pin(room=room, item=goods[0], by=anchor)
    say(room, viewer, "一号链接")
    page = request.getfixturevalue(shape)(viewer)
    axe(enter(page))
    if shape == "phone":
        page.locator(".bag").click()
        axe(page, "#sheet")
    feed = request.getfixturevalue(shape)(viewer)
    feed.goto("/")
    expect(feed.locator(".cover .live-tag")).to_be_visible()
    axe(feed)
    stage.end_show(room=room, by=anchor)
    expect(page.get_by_text("直播已结束")).to_be_visible()
    axe(page)
    feed.reload()
    expect(feed.locator(".cover .live-tag")).to_have_count(0)
    axe(feed)
