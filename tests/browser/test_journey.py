"""The whole job in one evening: an anchor at her desk, three phones, a promoter's link, the operator; to the fen."""

import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from alliance.models import Plan
from campaigns.models import Claim, Coupon, CouponGrant, Deal, GrantState
from catalog.models import Product
from ledger.book import unbalanced_subjects
from orders.models import Order, OrderState
from orders.tests import shop
from rooms.models import Follow, Room
from tests import cast
from tests.browser.site import Site
from tests.browser.test_studio import open_studio

MakePage = Callable[..., Page]
# The test browser names itself a bot, and a bot's visit to a link is no click.
SOMEBODY = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
# One unit of the alliance product: 20 % of ¥59.00, less the platform's 10 % of that. Two units for the friend.
ANCHOR_EARNS, PROMOTER_EARNS = "¥10.62", "¥21.24"


class Viewer(NamedTuple):
    user: User
    page: Page


@pytest.fixture
def room(site: Site) -> Room:
    return cast.make_room(cast.make_user("洛川阿霞", is_anchor=True), live=False, slug="axia", title="阿霞的果园")


@pytest.fixture
def apples(room: Room) -> Product:
    return cast.make_product(cast.make_shop(room.anchor), title="洛川红富士", price_fen=3990, stock=50)


@pytest.fixture
def honey(site: Site) -> Product:
    product = cast.make_product(cast.make_shop(), title="秦岭百花蜜", price_fen=5900, stock=50)
    Plan.objects.create(product=product, rate_permille=200, created_by=product.shop.owner)
    return product


@pytest.fixture
def viewers(site: Site, phone: MakePage) -> list[Viewer]:
    users = [cast.make_user(name) for name in ("小满", "大壮", "阿芳")]
    for user in users:
        shop.make_address(user)
    return [Viewer(user, phone(user, user_agent=SOMEBODY)) for user in users]


def test_from_going_live_to_every_fen(
    site: Site,
    desktop: MakePage,
    axe: Callable[..., None],
    worker: object,
    room: Room,
    apples: Product,
    honey: Product,
    viewers: list[Viewer],
) -> None:
    desk = desktop(room.anchor)
    fill_the_shelf(desk, room)
    studio = go_live(desk, room)
    for viewer in viewers:
        viewer.page.goto("/live/axia")
        expect(viewer.page.locator("[data-online]").first).not_to_be_empty()
    everybody_is_in(viewers)
    pin_and_see(studio, viewers, "1", "洛川红富士")
    talk_and_like(viewers)
    winner, saver, friend = drop_a_deal_of_one(studio, viewers)
    pay_for_the_win(winner)
    use_a_coupon(studio, saver)
    pin_and_see(studio, viewers, "2", "秦岭百花蜜")
    buy(saver.page, from_pin=True)
    buy_through_a_link(saver, friend)
    everyone_earned(desk, saver)
    axe(desk)
    axe(saver.page)
    the_operator_sees(desktop)
    assert unbalanced_subjects() == []


def fill_the_shelf(desk: Page, room: Room) -> None:
    """Her own apples from the studio, honey of another merchant from the pool."""
    open_studio(desk, room)
    desk.locator("#add-goods").click()
    desk.locator("#sheet .found li", has_text="洛川红富士").get_by_role("button", name="添加").click()
    expect(desk.locator(".good")).to_have_count(1)
    desk.goto("/alliance/pool")
    offer = desk.locator(".offer", has_text="秦岭百花蜜")
    expect(offer).to_contain_text("¥10.62")
    offer.get_by_role("button", name="加入小黄车").click()
    expect(offer).to_contain_text("2 号")


def go_live(desk: Page, room: Room) -> Page:
    open_studio(desk, room)
    expect(desk.locator(".good")).to_have_count(2)
    desk.locator("#live-title").fill("今晚开园")
    desk.locator(".preflight .btn--primary").click()
    expect(desk.locator("#panel-head")).to_contain_text("直播中")
    return desk


def everybody_is_in(viewers: list[Viewer]) -> None:
    for viewer in viewers:
        expect(viewer.page.locator("[data-online]").first).to_have_text("3")


def pin_and_see(studio: Page, viewers: list[Viewer], key: str, title: str) -> None:
    pressed = time.monotonic()
    studio.locator("#panel-shelf h2").click()
    studio.keyboard.press(key)
    for viewer in viewers:
        expect(viewer.page.locator("#panel-pin")).to_contain_text(title, timeout=1000)
    assert time.monotonic() - pressed < 1


def talk_and_like(viewers: list[Viewer]) -> None:
    first, *others = viewers
    first.page.locator("#say-text").fill("这苹果甜不甜")
    first.page.locator("#say-text").press("Enter")
    first.page.locator("#like").click()
    first.page.locator("#follow button").click()
    expect(first.page.locator("#follow button")).to_have_attribute("aria-pressed", "true")
    for other in others:
        expect(other.page.locator("#chat .line", has_text="这苹果甜不甜")).to_have_count(1)
        expect(other.page.locator("[data-likes]").first).to_have_text("1")
    assert Follow.objects.get().user == first.user


def drop_a_deal_of_one(studio: Page, viewers: list[Viewer]) -> list[Viewer]:
    """Everyone taps in the same moment; returns the winner, then the two others."""
    form = studio.locator("#plan-deal")
    form.locator("summary").click()
    form.get_by_label("类型").select_option(label="一元购")
    form.get_by_label("数量").fill("1")
    form.get_by_role("button", name="计划并立即开抢").click()
    expect(studio.locator("#studio-drops .dropcard")).to_have_count(1)
    for viewer in viewers:
        expect(viewer.page.locator(".deal--drop .go--now")).to_be_visible()
    for viewer in viewers:
        viewer.page.locator(".deal--drop .go--now").evaluate("button => void setTimeout(() => button.click(), 400)")
    deal = Deal.objects.get()
    expect(viewers[0].page.locator(".deal--drop .go--won, .deal--drop .claim .why").first).to_be_visible()
    winner = next(viewer for viewer in viewers if viewer.user == Claim.objects.get().user)
    losers = [viewer for viewer in viewers if viewer is not winner]
    expect(winner.page.locator(".deal--drop .go--won")).to_be_visible()
    places = {loser.page.locator(f"[data-for-deal='{deal.public_id}'] .why").inner_text() for loser in losers}
    assert len(places) == 2, places  # each is told an own place
    for loser in losers:
        expect(loser.page.locator(".deal--drop .go--won")).to_have_count(0)
        expect(loser.page.get_by_role("button", name="排候补")).to_be_visible()
    deal.refresh_from_db()
    assert (deal.available, deal.held, deal.sold, deal.total) == (0, 1, 0, 1)
    return [winner, *losers]


def pay_for_the_win(winner: Viewer) -> None:
    winner.page.locator(".deal--drop .go--won").click()
    expect(winner.page.locator("#sheet .bill__row--due")).to_contain_text("¥1.00")
    place_and_pay(winner.page)
    deal = Deal.objects.get()
    assert (deal.available, deal.held, deal.sold) == (0, 0, 1)


def use_a_coupon(studio: Page, saver: Viewer) -> None:
    """¥5 off from ¥39: taken in the room, in the bill at checkout, used up by the payment."""
    studio.reload()
    form = studio.locator("#plan-coupon")
    form.locator("summary").click()
    form.get_by_role("button", name="计划并立即开抢").click()
    saver.page.get_by_role("button", name="领取").click()
    expect(saver.page.locator(".deal--coupon .claim--won, .deal--coupon .claim")).to_be_visible()
    saver.page.locator("#panel-pin a[href^='/checkout']").first.click()
    expect(saver.page.locator("#sheet .bill")).to_contain_text("¥5.00")
    expect(saver.page.locator("#sheet .bill__row--due")).to_contain_text("¥34.90")
    place_and_pay(saver.page)
    assert Coupon.objects.get().issued == 1
    assert CouponGrant.objects.get().state == GrantState.USED


def buy(page: Page, *, from_pin: bool = False, units: int = 1) -> None:
    if from_pin:
        page.locator("#panel-pin a[href^='/checkout']").first.click()
    else:
        page.locator("a[href^='/checkout'], [data-buy]").first.click()
    expect(page.locator(".checkout__go")).to_be_visible()
    for _ in range(units - 1):
        page.get_by_role("button", name="加一件").click()
    expect(page.locator(".price--due")).to_contain_text(f"{59 * units}.00")
    place_and_pay(page)


def place_and_pay(page: Page) -> None:
    page.locator(".checkout__go").click()
    expect(page.locator(".placed .clockwork")).to_be_visible()
    opens_window = page.locator(".placed form[target=_blank]").count() > 0
    if opens_window:
        with page.expect_popup() as opened:
            page.locator(".btn--pay").click()
        service = opened.value
    else:
        page.locator(".btn--pay").click()
        service = page
    service.get_by_role("button", name="确认付款").click()
    expect(service.locator("h1")).to_have_text("已付款")
    if opens_window:
        service.close()
        expect(page.locator(".placed h2")).to_have_text("已付款")
        page.locator("#sheet [data-close]").click()


def buy_through_a_link(promoter: Viewer, friend: Viewer) -> None:
    promoter.page.goto("/alliance/pool")
    promoter.page.locator(".offer", has_text="秦岭百花蜜").get_by_role("button", name="生成推广链接").click()
    address = promoter.page.locator("#address").input_value()
    expect(promoter.page.locator(".poster__qr")).to_be_visible()
    friend.page.goto(address)
    expect(friend.page.locator("h1")).to_contain_text("秦岭百花蜜")
    buy(friend.page, units=2)


def everyone_earned(desk: Page, promoter: Viewer) -> None:
    """Each sees her own line and no other, with who got which fen adding up to nothing."""
    for page, net in ((desk, ANCHOR_EARNS), (promoter.page, PROMOTER_EARNS)):
        page.goto("/alliance/earnings")
        expect(page.locator("[data-figure=pending]")).to_have_text(net)
        expect(page.locator(".earning")).to_have_count(1)
        expect(page.locator(".earning__net")).to_have_text(net)
        page.locator(".earning summary").click()
        expect(page.locator(".earning [data-sum]")).to_have_text("¥0.00")
    assert Order.objects.filter(state=OrderState.PAID).count() == Order.objects.count() == 4


def the_operator_sees(desktop: MakePage) -> None:
    page = desktop(cast.make_user("值班运营", is_staff=True, is_superuser=True))
    page.goto("/admin/wall")
    expect(page.locator("body")).to_contain_text("洛川阿霞")
    page.goto("/admin/orders/order/")
    expect(page.locator("#result_list tbody tr")).to_have_count(4)
