"""A small rehearsal from the booking to the score: the anchor's own studio, a crowd of real sockets, nothing left afterwards."""

import subprocess

from playwright.sync_api import expect

from accounts.models import User
from campaigns.models import Claim, Rehearsal, RehearsalState
from orders.models import Order
from rooms.models import Room, Show
from tests import cast
from tests.browser.site import Site

START_MS = 25_000


def test_an_anchor_rehearses_her_drop_and_gets_a_score(
    site: Site, worker: "subprocess.Popen[bytes]", desktop, phone, axe, room: Room, anchor: User, viewer: User
) -> None:
    Show.objects.all().delete()
    cast.make_shelf_item(room, cast.make_product(cast.make_shop(anchor), title="洛川红富士 5斤装", stock=50))
    desk = desktop(anchor)
    desk.goto(f"/studio/{room.slug}/rehearsals")
    desk.locator("input[type=range]").fill("20")
    desk.get_by_label("数量").fill("5")
    axe(desk)
    desk.get_by_role("button", name="开始彩排").click()
    expect(desk.locator(".watermark").first).to_be_visible()
    open_studio = desk.get_by_role("link", name="打开彩排中控台")
    expect(open_studio).to_be_visible(timeout=START_MS)
    path = open_studio.get_attribute("href")
    outsider = phone(viewer)
    assert outsider.goto(path.replace("/studio/", "/live/")).status == 404
    expect(desk.locator("[data-figure=joined]")).to_have_text("20 / 20", timeout=START_MS)

    studio, watching = desktop(anchor), phone(anchor)
    watching.goto(path.replace("/studio/", "/live/"))
    studio.goto(path)
    studio.locator("#speak-text").fill("一元福利，5 件，准备好")
    studio.locator("#speak-text").press("Enter")
    studio.get_by_role("button", name="讲解", exact=True).first.click()
    expect(watching.locator("#panel-pin")).to_contain_text("洛川红富士")
    expect(watching.locator(".watermark")).to_be_visible()
    expect(watching.locator("#panel-notice")).to_contain_text("【彩排】")
    studio.locator("[data-drop=deal]").click()
    expect(desk.locator("[data-figure=won]")).to_have_text("5 / 5", timeout=START_MS)
    desk.get_by_role("button", name="结束并打分").click()

    expect(desk.get_by_role("heading", name="你的得分")).to_be_visible(timeout=START_MS)
    expect(desk.locator(".items li", has_text="发出的数量分毫不差")).to_contain_text("8 / 8")
    expect(desk.locator(".items li", has_text="观众画面没有遗漏")).to_contain_text("10 / 10")
    expect(desk.locator(".watermark")).to_have_count(0)
    axe(desk)
    expect(studio.locator("#closed")).to_contain_text("彩排结束了")
    studio.get_by_role("link", name="看得分").click()
    expect(studio.get_by_role("heading", name="你的得分")).to_be_visible()
    done = Rehearsal.objects.get()
    assert (done.state, done.slot) == (RehearsalState.SCORED, None)
    assert (done.score["figures"]["won"], done.score["figures"]["joined"]) == (5, 20)
    assert not Room.objects.filter(is_rehearsal=True).exists()
    assert not User.objects.filter(username__startswith="rehearsal-").exists()
    assert not Claim.objects.exists()
    assert not Order.objects.exists()
