"""Buying over the show on a phone: three taps, the payment in its own window, the room still there."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Category
from orders.models import Order, OrderState, SimulatedCharge
from orders.tests import shop
from rooms.models import Pin, Room
from tests import cast
from tests.browser.site import Site


def put_on_stage(room: Room, **fields: int) -> None:
    """A product on the shelf, being shown."""
    item = cast.make_shelf_item(room, cast.make_product(**fields))
    Pin.objects.create(room=room, item=item, show=room.shows.get(), by=room.anchor)


def test_three_taps_buy_over_the_show(site: Site, phone: Callable[..., Page], axe: Callable[..., None], viewer: User, room: Room) -> None:
    put_on_stage(room, price_fen=3990, stock=5)
    shop.make_address(viewer)
    page = phone(viewer)
    page.goto(f"/live/{room.slug}")
    page.locator("#panel-pin a[href^='/checkout']").first.click()
    expect(page.locator("#sheet .bill__row--due")).to_contain_text("¥39.90")
    axe(page, "#sheet")
    page.locator(".checkout__go").click()
    expect(page.locator(".placed .clockwork")).to_be_visible()
    axe(page, "#sheet")
    with page.expect_popup() as opened:
        page.locator(".btn--pay").click()
    service = opened.value
    axe(service)
    service.get_by_role("button", name="确认付款").click()
    expect(service.locator("h1")).to_have_text("已付款")
    axe(service)
    expect(page.locator(".placed h2")).to_have_text("已付款")
    expect(page).to_have_url(f"{site.url}/live/{room.slug}")
    expect(page.locator("#panel-pin")).to_be_visible()
    assert Order.objects.get().state == OrderState.PAID


def test_a_new_buyer_fills_in_an_address_on_the_way(site: Site, phone: Callable[..., Page], axe: Callable[..., None], viewer: User) -> None:
    product = cast.make_product(price_fen=3990)
    page = phone(viewer)
    page.goto(f"/checkout?sku={product.skus.get().public_id}")
    expect(page.locator(".checkout__go")).to_be_disabled()
    page.get_by_label("收货人").fill("林小满")
    page.get_by_label("手机号").fill("13900001111")
    page.locator("select[name=province]").select_option("陕西省")
    page.get_by_label("城市").select_option("西安市")
    page.get_by_label("区县").select_option("雁塔区")
    page.get_by_label("详细地址").fill("小寨东路1号")
    axe(page)
    page.get_by_role("button", name="保存地址").click()
    expect(page.locator(".checkout__to")).to_contain_text("小寨东路1号")
    axe(page)
    page.get_by_role("button", name="加一件").click()
    expect(page.locator(".price--due")).to_contain_text("79.80")
    page.locator(".checkout__go").click()
    expect(page.locator(".placed h2")).to_have_text("等你付款")
    assert Order.objects.get().due_fen == 7980


def test_a_price_that_rose_meanwhile_is_agreed_to_first(site: Site, phone: Callable[..., Page], viewer: User) -> None:
    product = cast.make_product(price_fen=3990)
    shop.make_address(viewer)
    page = phone(viewer)
    page.goto(f"/checkout?sku={product.skus.get().public_id}")
    product.skus.update(price_fen=4290)
    page.locator(".checkout__go").click()
    expect(page.locator("[data-refused=PRICE_CHANGED]")).to_contain_text("¥42.90")
    assert Order.objects.count() == 0
    page.get_by_role("button", name="同意新价格并下单").click()
    expect(page.locator(".placed h2")).to_be_visible()
    assert Order.objects.get().due_fen == 4290


def test_paid_after_closing_is_refunded_and_told(
    site: Site, worker: object, phone: Callable[..., Page], axe: Callable[..., None], viewer: User
) -> None:
    """The time to pay ran out, the bank took the money all the same: the notice comes over HTTP, the money goes back by itself."""
    product = cast.make_product(stock=1)
    order = shop.place(viewer, product)
    payment = shop.begin(order)
    SimulatedCharge.objects.update(notify_url=f"{site.url}/pay/notify/simulator")
    shop.lapse(order)
    page = phone(viewer)
    page.goto(f"/pay/sim/{payment.public_id}")
    page.get_by_role("button", name="照样扣款").click()
    expect(page.locator("[data-refund=late]")).to_contain_text("已退回给你", timeout=30_000)
    expect(page.locator("h1")).to_have_text("已关闭")
    axe(page)
    assert shop.stock_of(product) == (1, 0, 0)


def test_what_must_be_ticked_is_asked_for_on_the_page_in_sight(site: Site, phone: Callable[..., Page], viewer: User) -> None:
    """Fresh goods cannot be sent back: the tick is asked for by our own words above the footer, survives a change, and the order is placed."""
    product = cast.make_product(price_fen=3990, stock=5)
    Category.objects.filter(pk=product.category_id).update(no_reason_return=False)
    shop.make_address(viewer)
    page = phone(viewer)
    page.goto(f"/checkout?sku={product.skus.get().public_id}")
    word = page.locator("[data-missing=exception]")
    expect(word).to_be_hidden()
    page.locator(".checkout__go").click()
    expect(word).to_be_visible()
    expect(word).to_contain_text("请先勾选")
    tick = page.locator("input[name=exception]")
    page.wait_for_function("""() => {
      const [box, foot] = ["input[name=exception]", ".checkout__foot"].map((it) => document.querySelector(it).getBoundingClientRect());
      return box.top > 0 && box.bottom <= foot.top;
    }""")
    assert not Order.objects.exists()
    tick.check()
    expect(word).to_be_hidden()
    page.get_by_role("button", name="加一件").click()
    expect(page.locator(".bill__row--due")).to_contain_text("¥79.80")
    expect(tick).to_be_checked()
    page.locator(".checkout__go").click()
    expect(page.locator(".placed__head, .state__head, .placed").first).to_be_visible()
    assert Order.objects.count() == 1
