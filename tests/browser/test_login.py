"""Signing in, signing up and one's own pages as people meet them."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.browser.site import Site

Open = Callable[..., Page]


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/login/?by=password", "/accounts/signup/"])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_nothing_is_wrong_with_the_entrance(phone: Open, axe: Callable[..., None], path: str, language: str) -> None:
    page = phone(language=language)
    page.goto(path)
    axe(page)


@pytest.mark.parametrize("path", ["/me", "/me/profile", "/me/addresses", "/me/password", "/me/privacy", "/accounts/phone/change/"])
def test_nothing_is_wrong_with_ones_own_pages(phone: Open, axe: Callable[..., None], viewer: User, path: str) -> None:
    page = phone(viewer)
    page.goto(path)
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def test_a_newcomer_signs_up_from_the_login_page_and_signs_in_again_by_code(phone: Open, axe: Callable[..., None]) -> None:
    page = phone()
    page.goto("/accounts/login/?next=/me/addresses")
    page.get_by_label("手机号").fill("139 0000 1111")
    page.get_by_role("button", name="获取验证码").click()
    expect(page.get_by_label("手机号")).to_have_value(re.compile("139"))
    page.get_by_label("昵称").fill("阿禾")
    page.get_by_role("button", name="获取验证码").click()
    axe(page)
    page.get_by_label("6 位验证码").fill(page.locator(".demo-code__digits").inner_text())
    page.get_by_role("button", name="完成").click()
    page.wait_for_url("**/me/addresses")
    page.goto("/me")
    expect(page.get_by_role("heading", name="阿禾")).to_be_visible()

    again = phone()
    again.goto("/accounts/login/")
    again.get_by_label("手机号").fill("13900001111")
    again.get_by_role("button", name="获取验证码").click()
    again.get_by_label("6 位验证码").fill(again.locator(".demo-code__digits").inner_text())
    again.locator("main").get_by_role("button", name="登录").click()
    again.wait_for_url("**/")
    again.goto("/me")
    expect(again.get_by_role("heading", name="阿禾")).to_be_visible()


def test_the_sheet_signs_in_without_leaving_the_page_until_it_is_done(phone: Open, viewer: User) -> None:
    page = phone()
    page.goto("/")
    page.evaluate("""() => {
      const sheet = document.body.appendChild(document.createElement("div"));
      sheet.id = "test-sheet";
      htmx.ajax("GET", "/accounts/login-sheet?next=" + encodeURIComponent("/?from=sheet"), "#test-sheet");
    }""")
    sheet = page.locator("#test-sheet")
    sheet.get_by_label("手机号").fill(str(viewer.phone))
    sheet.get_by_role("button", name="获取验证码").click()
    code = sheet.locator(".demo-code__digits").inner_text()
    sheet.get_by_label("6 位验证码").fill("000000" if code != "000000" else "111111")
    sheet.get_by_role("button", name="登录").click()
    expect(sheet.get_by_text("验证码不对")).to_be_visible()
    assert page.url.endswith("/")
    sheet.get_by_label("6 位验证码").fill(code)
    sheet.get_by_role("button", name="登录").click()
    page.wait_for_url("**/?from=sheet")
    expect(page.locator("#test-sheet")).to_have_count(0)
    page.goto("/me")
    expect(page.get_by_role("heading", name=viewer.nickname)).to_be_visible()


def test_the_district_is_picked_from_lists_and_typed_without_script(phone: Open, viewer: User) -> None:
    page = phone(viewer)
    page.goto("/me/addresses")
    page.get_by_label("收货人").fill("林小满")
    page.get_by_label("手机号").fill("13812345678")
    for label, chosen in (("省份", "陕西省"), ("城市", "延安市"), ("区县", "洛川县")):
        page.get_by_label(label).select_option(chosen)
    page.get_by_label("详细地址").fill("苹果大道 8 号")
    page.get_by_role("button", name="保存地址").click()
    expect(page.get_by_text("陕西省 延安市 洛川县 苹果大道 8 号")).to_be_visible()

    plain = phone(viewer, java_script_enabled=False)
    plain.goto("/me/addresses")
    plain.locator("summary").click()
    for label, typed in (
        ("收货人", "老林"),
        ("手机号", "13812345678"),
        ("省份", "福建省"),
        ("城市", "泉州市"),
        ("区县", "安溪县"),
        ("详细地址", "茶山路 1 号"),
    ):
        plain.get_by_label(label).fill(typed)
    plain.get_by_role("button", name="保存地址").click()
    expect(plain.get_by_text("福建省 泉州市 安溪县 茶山路 1 号")).to_be_visible()


def test_logging_out_everywhere_ends_the_other_device(site: Site, phone: Open, desktop: Open, viewer: User) -> None:
    here, there = phone(viewer), desktop(viewer)
    there.goto("/me")
    here.goto("/me/privacy")
    here.get_by_role("button", name="全部退出登录").click()
    here.wait_for_url("**/accounts/login/")
    there.reload()
    expect(there).to_have_url(re.compile("/accounts/login/"))
