"""The operator steers live rooms from the admin's first page while people watch."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import AuditEntry, User
from campaigns.models import Claim, Deal, DealKind, DealState
from orders.tests import shop
from rooms import stage
from rooms.models import Room, ShowState
from tests import cast
from tests.browser.site import Site

MakePage = Callable[..., Page]
SOON_MS = 2000


@pytest.fixture
def deal(room: Room) -> Deal:
    item = cast.make_shelf_item(room, cast.make_product(title="洛川红富士", price_fen=3990, stock=20))
    stage.pin(room=room, item=item, by=room.anchor)
    deal = shop.make_deal(room, item.product, total=5, kind=DealKind.GENERAL)
    Deal.objects.filter(pk=deal.pk).update(show=room.shows.get())
    return deal


@pytest.fixture
def wall(desktop: MakePage, operator: User) -> Page:
    page = desktop(operator)
    page.goto("/admin/")
    return page


def steer(wall: Page, form: str, button: str, reason: str) -> None:
    area = wall.locator(form)
    area.locator("input[name=reason]").fill(reason)
    area.get_by_role("button", name=button).click()


def watch(page: Page, room: Room) -> Page:
    with page.expect_websocket() as socket:
        page.goto(f"/live/{room.slug}")
    socket.value.wait_for_event("framereceived")
    return page


def test_a_deal_is_frozen_and_opened_again_under_the_eyes_of_a_phone(
    site: Site, wall: Page, phone: MakePage, axe: Callable[..., None], room: Room, deal: Deal, viewer: User
) -> None:
    page = watch(phone(viewer), room)
    expect(page.get_by_role("button", name="立即抢")).to_be_visible()
    wall.reload()
    axe(wall, "#wall")
    steer(wall, ".wall-deal form", "冻结活动", "价格写错")
    expect(page.locator(f"[data-deal='{deal.public_id}']")).to_contain_text("价格写错", timeout=SOON_MS)
    expect(page.get_by_role("button", name="立即抢")).to_be_hidden()
    deal.refresh_from_db()
    assert (deal.state, deal.available, Claim.objects.count()) == (DealState.FROZEN, 5, 0)
    steer(wall, ".wall-deal form", "恢复", "已改好")
    page.get_by_role("button", name="立即抢").click(timeout=SOON_MS)
    expect(page.locator(".go--won")).to_be_visible()
    assert set(AuditEntry.objects.filter(actor__is_staff=True).values_list("action", "reason")) == {
        ("deal.frozen", "价格写错"),
        ("deal.unfrozen", "已改好"),
    }


def test_a_show_is_ended_and_everybody_sees_it(site: Site, wall: Page, phone: MakePage, room: Room, deal: Deal, viewer: User) -> None:
    page, guest = watch(phone(viewer), room), watch(phone(), room)
    page.get_by_role("button", name="立即抢").click()
    expect(page.locator(".go--won")).to_be_visible()
    wall.reload()
    wall.locator(".wall-room summary").click()
    steer(wall, ".wall-room details form", "结束直播", "虚假宣传")
    for phone_page in (page, guest):
        expect(phone_page.get_by_text("直播已结束")).to_be_visible(timeout=SOON_MS)
    show = room.shows.get()
    assert (show.state, show.end_reason) == (ShowState.ENDED, "虚假宣传")
    assert Claim.objects.get().user == viewer, "what was won stays won"
    expect(wall.locator(".wall-empty")).to_be_visible()


def test_a_viewer_is_banned_by_her_phone_number(
    site: Site, desktop: MakePage, phone: MakePage, room: Room, operator: User, viewer: User
) -> None:
    page = watch(phone(viewer), room)
    desk = desktop(operator)
    desk.goto("/admin/accounts/sanction/add/")
    desk.locator("#id_phone").fill(str(viewer.phone).removeprefix("+86"))
    desk.locator("#id_kind").select_option("ban")
    desk.locator("#id_rule").fill("刷单")
    desk.locator("#id_proof").fill("订单截图")
    desk.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("#link-state")).to_contain_text("已不能参与", timeout=SOON_MS)
    expect(desk.locator("#result_list")).to_contain_text(viewer.nickname)
