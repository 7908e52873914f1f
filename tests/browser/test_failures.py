"""What goes wrong for viewers, and what they see: the failure paths of the main job, in real browsers.

Two live beside the things they belong to: a guest's tap in test_room.py, and a payment after closing in test_checkout.py.
"""

import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from accounts import sanctions
from accounts.models import User
from alliance.models import CommissionLine
from alliance.tests import world
from campaigns.models import Claim, Deal, DealKind
from orders.models import Order, OrderState, Refund
from orders.tests import shop
from rooms import moderation, stage
from rooms.models import ChatLine, Room, ShelfItem
from tests import cast
from tests.browser.site import Site

MakePage = Callable[..., Page]


@pytest.fixture
def item(room: Room) -> ShelfItem:
    item = cast.make_shelf_item(room, cast.make_product(title="洛川红富士", price_fen=3990, stock=20))
    stage.pin(room=room, item=item, by=room.anchor)
    return item


def make_deal(room: Room, item: ShelfItem, *, total: int = 1, kind: DealKind = DealKind.GENERAL) -> Deal:
    deal = shop.make_deal(room, item.product, total=total, kind=kind)
    Deal.objects.filter(pk=deal.pk).update(show=room.shows.get())
    return deal


def enter(page: Page, room: Room) -> Page:
    with page.expect_websocket() as socket:
        page.goto(f"/live/{room.slug}")
    socket.value.wait_for_event("framereceived")
    return page


def hears_only_answers(page: Page) -> None:
    """The room's news are held back: what she sees is what was true a moment ago."""

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda text: socket.send(text) if json.loads(text)["t"] in ("hello", "reply", "mine") else None)

    page.route_web_socket(re.compile("/ws/live/"), between)


def test_sold_out_between_sight_and_tap_is_told_with_the_place_in_line(
    site: Site, phone: MakePage, room: Room, item: ShelfItem, viewer: User
) -> None:
    deal = make_deal(room, item)
    late, watching, quick = phone(viewer), enter(phone(), room), enter(phone(cast.make_user("手快")), room)
    hears_only_answers(late)
    late.goto(f"/live/{room.slug}")
    for page in (late, quick):
        expect(page.get_by_role("button", name="立即抢")).to_be_visible()
    quick.get_by_role("button", name="立即抢").click()
    expect(quick.locator(".go--won")).to_be_visible()
    expect(watching.locator("#panel-drops .bar")).to_contain_text("剩 0", timeout=1000)
    late.get_by_role("button", name="立即抢").click()
    refused = late.locator(f"[data-for-deal='{deal.public_id}']")
    expect(refused).to_contain_text(re.compile(r"第 \d+ 位"), timeout=1500)
    refused.get_by_role("button", name="排候补").click()
    expect(late.locator("#panel-drops")).to_contain_text("候补第 1 位")
    deal.refresh_from_db()
    assert (deal.available, deal.held, Claim.objects.count()) == (0, 1, 1)
    # Who only watches sees one line soon, with the waitlist still in it; what is somebody's own stays as it is.
    expect(watching.locator("#panel-drops .deal[data-settled]")).to_be_visible(timeout=10_000)
    expect(watching.locator("#panel-drops .bar")).to_be_hidden()
    expect(watching.get_by_role("button", name="排候补")).to_be_visible()
    assert watching.locator("#panel-drops .deal").bounding_box()["height"] < 75
    for page in (late, quick):
        expect(page.locator("#panel-drops .deal[data-settled]")).to_have_count(0)


def test_a_win_in_one_window_is_the_same_order_in_the_other(
    site: Site, phone: MakePage, desktop: MakePage, room: Room, item: ShelfItem, viewer: User
) -> None:
    make_deal(room, item, total=5)
    shop.make_address(viewer)
    first, second = enter(phone(viewer), room), enter(desktop(viewer), room)
    first.get_by_role("button", name="立即抢").click()
    first.locator(".go--won").click()
    first.locator(".checkout__go").click()
    expect(first.locator(".placed .clockwork")).to_be_visible()
    tap = second.locator(".deal .go--now, .deal .go--won").locator("visible=true").first
    tap.click()
    expect(second.locator(".deal .go--won")).to_be_visible()
    second.reload()
    expect(second.locator(".deal .go--won")).to_have_attribute("href", f"/o/{Order.objects.get().public_id}")
    assert Claim.objects.count() == Order.objects.count() == 1


def test_who_has_bought_before_hears_why_and_gets_the_shelf_price(
    site: Site, phone: MakePage, room: Room, item: ShelfItem, viewer: User
) -> None:
    make_deal(room, item, kind=DealKind.NEWCOMER)
    shop.pay(shop.place(viewer, item.product))
    page = enter(phone(viewer), room)
    page.get_by_role("button", name="立即抢").click()
    refused = page.locator("[data-refused=NOT_NEWCOMER]")
    expect(refused).to_contain_text("新人")
    refused.get_by_role("link").click()
    expect(page.locator("#sheet .bill__row--due")).to_contain_text("¥39.90")
    assert not Claim.objects.exists()


def test_the_muted_read_why_and_keep_their_words(site: Site, phone: MakePage, room: Room, item: ShelfItem, viewer: User) -> None:
    page = enter(phone(viewer), room)
    moderation.mute(room=room, user=viewer, by=room.anchor, rule="刷屏", minutes=10)
    page.locator("#say-text").fill("还在吗")
    page.locator("#say-text").press("Enter")
    expect(page.locator("#chat .line--refused")).to_contain_text("禁言")
    assert not ChatLine.objects.filter(text="还在吗").exists()


def test_the_banned_leave_within_a_second_and_keep_what_they_bought(
    site: Site, phone: MakePage, room: Room, item: ShelfItem, viewer: User, operator: User
) -> None:
    order = shop.place(viewer, item.product)
    shop.pay(order)
    page = enter(phone(viewer), room)
    sanctions.impose(actor=operator, kind="ban", scope=f"room:{room.public_id}", rule="骚扰", user=viewer)
    expect(page.locator("#link-state")).to_contain_text("已不能参与", timeout=1000)
    page.goto(f"/o/{order.public_id}")
    expect(page.locator("h1")).to_contain_text("已付款")
    order.refresh_from_db()
    assert order.state == OrderState.PAID


def test_after_a_restart_the_own_claim_stands_and_no_line_is_doubled(
    site: Site, phone: MakePage, room: Room, item: ShelfItem, viewer: User
) -> None:
    deal = make_deal(room, item, total=2)
    page = enter(phone(viewer), room)
    page.locator("#say-text").fill("重启之前")
    page.locator("#say-text").press("Enter")
    page.get_by_role("button", name="立即抢").click()
    expect(page.locator(".go--won")).to_be_visible()
    expect(page.locator("#chat .line--waiting")).to_have_count(0)
    site.restart()
    stage.unpin(room=room, by=room.anchor)
    expect(page.locator("#panel-pin")).not_to_contain_text("洛川红富士", timeout=30_000)
    expect(page.locator(".go--won")).to_be_visible()
    expect(page.locator("#panel-drops .bar")).to_contain_text("剩 1")
    expect(page.locator("#chat .line", has_text="重启之前")).to_have_count(1)
    deal.refresh_from_db()
    assert (deal.available, deal.held) == (1, 1)


def test_money_taken_twice_goes_back_once_and_earns_once(
    site: Site, worker: object, phone: MakePage, desktop: MakePage, viewer: User
) -> None:
    plan = world.make_plan(cast.make_product(price_fen=5900))
    room = cast.make_room()
    picked = world.pick(plan, room)
    order = shop.place(viewer, plan.product, room=room, item=picked)
    page = phone(viewer)
    page.goto(f"/o/{order.public_id}")
    page.locator(".btn--pay").click()
    page.locator(".psp__more summary").click()
    page.get_by_role("button", name="重复扣两次款").click()
    for _ in range(30):
        if page.locator("[data-refund]", has_text="已退回给你").count():
            break
        page.wait_for_timeout(500)
        page.goto(f"/o/{order.public_id}")
    expect(page.locator("[data-refund]")).to_contain_text("已退回给你")
    earnings = desktop(room.anchor)
    earnings.goto("/alliance/earnings")
    expect(earnings.locator("[data-figure=pending]")).to_have_text("¥10.62")
    assert CommissionLine.objects.count() == Refund.objects.count() == 1


@pytest.mark.parametrize("hours", [3, -3])
def test_a_phone_s_clock_that_jumps_ends_no_deal_and_opens_none(
    site: Site, phone: MakePage, room: Room, item: ShelfItem, viewer: User, hours: int
) -> None:
    make_deal(room, item)
    page = enter(phone(viewer), room)
    expect(page.get_by_role("button", name="立即抢")).to_be_visible()
    page.evaluate("hours => { const right = Date.now; Date.now = () => right() + hours * 3600000; }", hours)
    page.wait_for_timeout(3000)
    expect(page.locator(".deal--drop")).to_have_attribute("data-phase", "now")
    clock = page.evaluate(
        "import(document.querySelector('script[src*=\"room/main\"]').src.replace('main', 'clock')).then((m) => m.serverNow())"
    )
    assert abs(clock / 1000 - time.time()) < 3
    page.get_by_role("button", name="立即抢").click()
    expect(page.locator(".go--won")).to_be_visible()
