"""Browser tests: a real Chromium against a real Daphne process.

    def test_pin_reaches_the_viewer(site, phone, desktop, axe, anchor, viewer, room):
        studio, watching = desktop(anchor), phone(viewer)      # two people, each in an own context, signed in
        watching.goto(f"{site.url}/live/{room.slug}")
        ...
        expect(watching.locator("#panel-pin")).to_contain_text("红富士")
        axe(watching)                                          # asserts 0 violations

Fixtures
- `site`: the running server (`site.url`, `site.restart()`, `site.kill()`, `site.output()`). It uses the test's database: what the
  test or a factory saves is what the server shows. Rows are truncated after each test; ids never repeat.
- `phone(user=None)`, `desktop(user=None)`: a new Page in a new context, 390×844 with touch or 1280×800; `language="en"`,
  `base_url=…` and any Playwright context option may be given. A signed-in page belongs to `user`.
- `login(page, user)`: signs that page's context in (session cookie); `login(page, None)` signs out.
- `axe(page, only=None)`: asserts that axe finds nothing wrong in the page (or below the selector `only`).
- `line`: an own connection to the site that can be cut: `page.goto(line.url + "/…")`, `line.cut()`, `line.mend()`.
- `worker`: the job worker beside the site, for tests that wait for jobs.
A test fails when a page had a script error or broke the content security policy; a test that wants one empties `page.troubles`.
Run one: `pytest tests/browser -k pin`; `HEADED=1` shows the window.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError
from django.test import TransactionTestCase
from playwright.sync_api import Browser, Page, sync_playwright

from accounts.models import User
from tests.browser.site import REPOSITORY, Line, Site, test_database_url
from tests.browser.streams import encode, media  # noqa: F401 # fixtures
from tests.chromium import find_chromium

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
EMPTYING_TRIES = 4
LANGUAGES = {"zh-hans": "zh-CN", "en": "en-US"}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, closed when this folder's tests are over: Playwright's event loop must not outlive them."""
    path = find_chromium()
    if path is None:
        pytest.fail("no Chromium: install the package chromium, or set CHROMIUM to its path", pytrace=False)
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread; the queries of a test are plain all the same
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=options, headless=not os.environ.get("HEADED"))
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def _patient_emptying() -> Iterator[None]:
    """Emptying the tables may meet a last write of the running server (a deadlock, one side is refused): it is done again."""
    empty = TransactionTestCase._fixture_teardown

    def again(case: TransactionTestCase) -> None:
        for _ in range(EMPTYING_TRIES - 1):
            try:
                return empty(case)
            except CommandError:
                time.sleep(0.3)
        return empty(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", again)
        yield


@pytest.fixture(scope="package")
def _running_site(django_db_setup: None, _patient_emptying: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site") / "daphne.log").start()
    yield site
    site.stop()


@pytest.fixture
def site(_running_site: Site, transactional_db: None) -> Site:
    """The running server; started again if the test before killed it."""
    if _running_site.process is None or _running_site.process.poll() is not None:
        _running_site.start()
    return _running_site


@pytest.fixture
def line(site: Site) -> Iterator[Line]:
    line = Line(site)
    yield line
    line.close()


@pytest.fixture
def worker(site: Site) -> Iterator["subprocess.Popen[bytes]"]:
    """The job worker on the test's database."""
    environment = os.environ | {"DATABASE_URL": test_database_url()}
    command = [sys.executable, "manage.py", "procrastinate", "worker"]
    with site.log.open("ab") as log, subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log) as process:
        yield process
        process.terminate()


@pytest.fixture
def login() -> Callable[[Page, User | None], None]:
    return sign_in


def sign_in(page: Page, user: User | None) -> None:
    """Gives the page's context the session cookie of `user`, as a finished login would; None signs out."""
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    if user is None:
        return
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": str(session.session_key), "domain": "127.0.0.1", "path": "/", "httpOnly": True}]
    )


@pytest.fixture
def new_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """`new_page(shape, user, **options)`; at the end the contexts are closed and their troubles fail the test."""
    pages: list[Page] = []

    def make(shape: dict[str, Any], user: User | None = None, *, language: str = "zh-hans", **options: Any) -> Page:
        context = browser.new_context(**{"base_url": site.url, "locale": LANGUAGES[language], "reduced_motion": "reduce"} | shape | options)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.troubles = []  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.troubles.append(f"script error: {error.stack or error}"))  # type: ignore[attr-defined]
        page.on("console", lambda message: _note_policy_breach(page, message.text))
        if user:
            sign_in(page, user)
        pages.append(page)
        return page

    yield make
    troubles = [trouble for page in pages for trouble in page.troubles]  # type: ignore[attr-defined]
    for page in pages:
        page.context.close()
    assert troubles == []


def _note_policy_breach(page: Page, text: str) -> None:
    if "Content Security Policy" in text:
        page.troubles.append(text)  # type: ignore[attr-defined]


@pytest.fixture
def phone(new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(user: User | None = None, **options: Any) -> Page:
        return new_page(PHONE, user, **options)

    return make


@pytest.fixture
def desktop(new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(user: User | None = None, **options: Any) -> Page:
        return new_page(DESKTOP, user, **options)

    return make


@pytest.fixture
def axe() -> Callable[..., None]:
    def check(page: Page, only: str | None = None) -> None:
        found = Axe().run(page, context=only)
        assert found.violations_count == 0, found.generate_report()

    return check
