"""The page on which anybody verifies a drop: the reader's browser computes every hash itself."""

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from campaigns import claimlogs, claims, commitments, deals, drops
from campaigns.models import Claim, Deal
from rooms.models import Room
from tests import cast
from tests.browser.site import Site
from tests.scarce import make_people


@pytest.fixture
def deal(room: Room, viewer: User, settings: Any) -> Deal:
    """Three units, won by two strangers and, between them, by the viewer; over and logged."""
    settings.DROP_UNDO_S = 0.2
    product = cast.make_product(cast.make_shop(room.anchor), stock=50)
    cast.make_shelf_item(room, product)
    deal = deals.plan(room=room, sku=product.skus.get(), by=room.anchor, title="1 元洛川红富士", total=3, per_day_limit=0)
    drops.press(drop=deal.drop, by=room.anchor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.3)")
    strangers = make_people(2)
    for person in (strangers[0], viewer, strangers[1]):
        claims.claim_now(deal_id=deal.pk, user_id=person.pk, key=uuid.uuid4())
    deals.end(deal=deal, by=room.anchor)
    claimlogs.write_due()
    return Deal.objects.get(pk=deal.pk)


def open_page(page: Page, deal: Deal) -> Page:
    page.goto(f"/drops/{deal.public_id}")
    return page


def test_a_winner_sees_her_place_verified_by_her_own_browser(site: Site, phone, axe, viewer: User, deal: Deal) -> None:
    page = open_page(phone(viewer), deal)
    expect(page.locator("[data-verdict]")).to_contain_text("全部属实")
    expect(page.locator("[data-check][data-state='ok']")).to_have_count(6)  # nobody has paid yet: the outcomes follow
    expect(page.locator("[data-own]")).to_contain_text("第 2 位抢到")
    expect(page.locator("tr.is-own")).to_have_count(1)
    axe(page)


def test_anybody_with_a_receipt_finds_its_place_and_nothing_else(site: Site, desktop, axe, deal: Deal) -> None:
    page = open_page(desktop(language="en"), deal)
    expect(page.locator("[data-verdict]")).to_contain_text("All holds")
    receipt = commitments.receipt(deal.commitment, Claim.objects.order_by("place").last())
    page.get_by_label("Receipt").fill(receipt.lower().replace("-", " "))
    page.get_by_role("button", name="Verify this place").click()
    expect(page.locator("[data-answer]")).to_contain_text("Winner 3 of this drop")
    page.get_by_label("Receipt").fill("AAAA-BBBB-CCCC-DDDD-EEEE")
    page.get_by_role("button", name="Verify this place").click()
    expect(page.locator("[data-answer]")).to_contain_text("not in the log")
    axe(page)


TAMPERED = [
    ("rows", "place", 9, "chain"),
    ("rows", "who", "0" * 32, "chain"),
    ("end", "nonce", "00" * 32, "nonce"),
    ("terms", "total", 4, "terms"),
]


def tampering(part: str, name: str, value: Any) -> Callable[[Route], None]:
    def tampered(route: Route) -> None:
        log = json.loads(route.fetch().text())
        target = log["terms"] if part == "terms" else log["claims"]["rows"][2] if part == "rows" else log["claims"]["end"]
        target[name] = value
        route.fulfill(json=log)

    return tampered


def test_a_log_changed_on_the_way_is_seen(site: Site, desktop, deal: Deal) -> None:
    page = desktop()
    for part, name, value, check in TAMPERED:
        page.route("**/log.json", tampering(part, name, value))
        open_page(page, deal)
        expect(page.locator("[data-verdict]")).to_contain_text("不符")
        expect(page.locator(f"[data-check='{check}']")).to_have_attribute("data-state", "bad")
        page.unroute("**/log.json")


def test_without_the_browsers_own_hashing_the_result_is_the_same(site: Site, phone, deal: Deal) -> None:
    page = phone()
    page.add_init_script("Object.defineProperty(crypto, 'subtle', {value: undefined})")  # plain http on a LAN has none
    open_page(page, deal)
    expect(page.locator("[data-verdict]")).to_contain_text("全部属实")
    texts = ["", "abc", "苹果" * 40, *("x" * n for n in range(50, 70))]
    ours = page.evaluate(
        "async (texts) => { const {sha256} = await import('/static/js/proof/sha256.js'); return Promise.all(texts.map(sha256)); }", texts
    )
    assert ours == [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def test_a_browser_remembers_the_promise_it_saw(site: Site, phone, room: Room, viewer: User, settings: Any) -> None:
    product = cast.make_product(cast.make_shop(room.anchor), stock=50)
    cast.make_shelf_item(room, product)
    deal = deals.plan(room=room, sku=product.skus.get(), by=room.anchor, total=3)
    drops.press(drop=deal.drop, by=room.anchor, opens_in_s=6)
    page = phone(viewer)
    page.goto(f"/live/{room.slug}")
    with page.context.expect_page() as opened:
        page.locator(".deal__proof").click()
    proof = opened.value
    expect(proof.locator("[data-verdict]")).to_contain_text("名单在结束后公布")
    proof.wait_for_timeout(200)
    proof.reload()
    expect(proof.locator("[data-seen]")).to_contain_text("同一个指纹")
