"""The browser fixtures themselves: the server shows what a test saved, a session is a session, a cut line is cut."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from accounts.models import User
from tests.browser.site import Line, Site


def test_server_sees_what_the_test_saved(site: Site, desktop: Callable[..., Page], operator: User) -> None:
    page = desktop(operator)
    page.goto("/admin/")
    assert "/login/" not in page.url


def test_outsider_is_not_signed_in(site: Site, desktop: Callable[..., Page]) -> None:
    page = desktop()
    page.goto("/admin/")
    assert "/login/" in page.url


def test_phone_has_touch_and_its_width(site: Site, phone: Callable[..., Page]) -> None:
    page = phone()
    page.goto("/healthz")
    assert page.evaluate("[screen.width, 'ontouchstart' in window]") == [390, True]


def test_a_cut_line_is_cut_until_mended(site: Site, line: Line, phone: Callable[..., Page]) -> None:
    page = phone()
    page.goto(f"{line.url}/healthz")
    ask = "fetch('/healthz').then(answer => answer.status, () => 'cut')"
    line.cut()
    assert page.evaluate(ask) == "cut"
    line.mend()
    assert page.evaluate(ask) == 200


def test_axe_finds_what_is_wrong(site: Site, desktop: Callable[..., Page], axe: Callable[..., None]) -> None:
    page = desktop()
    page.set_content("<html lang=en><head><title>t</title></head><body><main><h1>t</h1><img src=data:,></main></body></html>")
    with pytest.raises(AssertionError, match="image-alt"):
        axe(page)
