"""Signing in and up through the real pages, as a browser without script and as the room's sheet do it."""

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings

from accounts import sanctions, senders
from accounts.models import AuditEntry, IdentityKey, User
from tests import cast

pytestmark = pytest.mark.django_db
ROOM = "/live/axia?from=feed"
SHEET = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _code_on_screen(settings: Any) -> None:
    settings.CODE_SENDER = "accounts.senders.ScreenSender"
    senders.sender.cache_clear()


def code_on(response: Any) -> str:
    found = re.search(r'demo-code__digits">(\d{6})<', response.content.decode())
    assert found, response.content.decode()[:2000]
    return found[1]


def wrong(code: str) -> str:
    return "000000" if code != "000000" else "111111"


def who(client: Client) -> User | None:
    return User.objects.filter(pk=client.session.get("_auth_user_id")).first()


def ask(client: Client, phone: str, **options: Any) -> Any:
    return client.post("/accounts/login/code/", {"phone": phone, "next": ROOM}, follow=True, **options)


class TestByCode:
    @pytest.mark.parametrize("typed", ["{}", "+86{}", " 0086 {} ", "86{}"])
    def test_it_returns_to_the_same_room(self, client: Client, viewer: User, typed: str) -> None:
        page = ask(client, typed.format(str(viewer.phone).removeprefix("+86")))
        assert str(viewer.phone)[3:] not in page.content.decode()
        done = client.post("/accounts/login/code/confirm/", {"code": code_on(page), "next": ROOM})
        assert (done.status_code, done["Location"], who(client)) == (302, ROOM, viewer)
        assert set(IdentityKey.objects.values_list("user", "kind")) == {(viewer.pk, "phone"), (viewer.pk, "device")}
        assert senders.SCREEN_KEY not in client.session

    def test_a_wrong_code_says_so_and_three_end_it(self, client: Client, viewer: User) -> None:
        code = code_on(ask(client, str(viewer.phone)))
        for _ in range(2):
            again = client.post("/accounts/login/code/confirm/", {"code": wrong(code), "next": ROOM})
            assert "验证码不对" in again.content.decode()
        assert client.post("/accounts/login/code/confirm/", {"code": wrong(code), "next": ROOM}).status_code == 302
        client.post("/accounts/login/code/confirm/", {"code": code, "next": ROOM})
        assert who(client) is None

    def test_a_new_code_replaces_the_old_one(self, client: Client, viewer: User) -> None:
        old = code_on(ask(client, str(viewer.phone)))
        new = code_on(client.post("/accounts/login/code/confirm/", {"action": "resend", "next": ROOM}, follow=True))
        if old != new:
            client.post("/accounts/login/code/confirm/", {"code": old})
            assert who(client) is None
        client.post("/accounts/login/code/confirm/", {"code": new})
        assert who(client) == viewer

    def test_asking_is_limited(self, client: Client, viewer: User) -> None:
        pages = []
        for _ in range(4):
            client.session.flush()
            pages.append(Client().post("/accounts/login/code/", {"phone": viewer.phone}))
        assert [page.status_code for page in pages[:3]] == [302] * 3
        assert "操作太频繁" in pages[3].content.decode()

    def test_listing_who_is_registered_is_limited_too(self) -> None:
        answers = [Client().post("/accounts/login/code/", {"phone": f"139{n:08d}"}).status_code for n in range(25)]
        assert answers.count(302) == 20

    @pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_it_never_leads_to_another_site(self, client: Client, viewer: User, target: str) -> None:
        page = client.post("/accounts/login/code/", {"phone": viewer.phone, "next": target}, follow=True)
        done = client.post("/accounts/login/code/confirm/", {"code": code_on(page), "next": target})
        assert (done.status_code, done["Location"]) == (302, "/")

    @pytest.mark.parametrize("typed", ["12345", "abc", "138000000001", "+1", "١٢٣٤٥٦٧٨٩٠١", "<b>"])
    def test_what_is_no_phone_is_refused_kindly(self, client: Client, typed: str) -> None:
        page = client.post("/accounts/login/code/", {"phone": typed})
        assert (page.status_code, "手机号不对" in page.content.decode()) == (200, True)


class TestInTheSheet:
    def test_the_fragment_is_no_whole_page_and_the_end_reloads_the_room(self, client: Client, viewer: User) -> None:
        sheet = client.get("/accounts/login-sheet", {"next": ROOM}, headers=SHEET)
        text = sheet.content.decode()
        assert "<html" not in text
        assert 'hx-post="/accounts/login/code/"' in text
        assert text.index("验证码登录") < text.index("密码登录")
        page = ask(client, str(viewer.phone), headers=SHEET)
        assert "<html" not in page.content.decode()
        done = client.post("/accounts/login/code/confirm/", {"code": code_on(page), "next": ROOM}, headers=SHEET)
        assert (done.status_code, done["HX-Redirect"], who(client)) == (200, ROOM, viewer)

    def test_who_is_already_in_gets_the_page_again(self, client: Client, viewer: User) -> None:
        client.force_login(viewer)
        assert client.get("/accounts/login-sheet", headers=SHEET)["HX-Refresh"] == "true"


class TestByPassword:
    @pytest.mark.parametrize("login", ["phone", "local", "username"])
    def test_phone_or_user_name(self, client: Client, viewer: User, login: str) -> None:
        typed = {"phone": viewer.phone, "local": str(viewer.phone)[3:], "username": viewer.username}[login]
        done = client.post("/accounts/login/", {"login": typed, "password": "test-pass-123", "next": ROOM})
        assert (done.status_code, done["Location"], who(client)) == (302, ROOM, viewer)

    def test_an_operator_without_a_phone_comes_in_by_user_name(self, client: Client) -> None:
        chief = cast.make_user(phone=None, is_staff=True)
        client.post("/accounts/login/", {"login": chief.username, "password": "test-pass-123"})
        assert who(client) == chief

    def test_wrong_ones_are_refused_and_limited(self, client: Client, viewer: User) -> None:
        for _ in range(5):
            page = client.post("/accounts/login/", {"login": viewer.phone, "password": "wrong-pass-1"})
            assert "手机号或密码不对" in page.content.decode()
        page = client.post("/accounts/login/", {"login": viewer.phone, "password": "test-pass-123"})
        assert "操作太频繁" in page.content.decode()
        assert who(client) is None

    def test_a_closed_account_stays_out(self, client: Client) -> None:
        closed = cast.make_user(is_active=False)
        client.post("/accounts/login/", {"login": closed.phone, "password": "test-pass-123"})
        assert who(client) is None


class TestSignUp:
    FORM = {"phone": "13900001111", "nickname": "阿禾", "next": ROOM}

    def finish(self, client: Client, **fields: str) -> Any:
        page = client.post("/accounts/signup/", self.FORM | fields, follow=True)
        return client.post("/accounts/phone/verify/", {"code": code_on(page)})

    def test_phone_and_nickname_are_enough(self, client: Client) -> None:
        done = self.finish(client)
        user = User.objects.get()
        assert (done["Location"], who(client)) == (ROOM, user)
        assert (user.phone, user.phone_verified, user.nickname, user.has_usable_password()) == ("+8613900001111", True, "阿禾", False)
        assert AuditEntry.objects.get().action == "user.sign_up"

    def test_an_unknown_phone_asking_for_a_code_is_led_here_with_its_number(self, client: Client) -> None:
        page = ask(client, "13900001111")
        assert 'value="13900001111"' in page.content.decode()
        assert f'name="next" value="{ROOM}"' in page.content.decode()

    @pytest.mark.parametrize(
        ("nickname", "why"), [("官方客服", "留给官方"), ("小\u200b满", "有人用了"), ("x", "2 到 24"), ("<b>hi</b>", "只能用文字")]
    )
    def test_a_bad_nickname_is_refused(self, client: Client, viewer: User, nickname: str, why: str) -> None:
        page = client.post("/accounts/signup/", self.FORM | {"nickname": nickname})
        assert why in page.content.decode()
        assert User.objects.count() == 1

    def test_a_phone_is_needed(self, client: Client) -> None:
        assert client.post("/accounts/signup/", self.FORM | {"phone": ""}).status_code == 200
        assert not User.objects.exists()

    def test_a_weak_password_is_refused(self, client: Client) -> None:
        client.post("/accounts/signup/", self.FORM | {"password1": "12345678"})
        assert not User.objects.exists()

    def test_a_registered_phone_is_told_to_sign_in(self, client: Client, viewer: User) -> None:
        page = client.post("/accounts/signup/", self.FORM | {"phone": str(viewer.phone)})
        assert "请用验证码登录" in page.content.decode()
        assert User.objects.count() == 1

    def test_nobody_sits_on_a_strangers_number(self, client: Client) -> None:
        """Signing up with somebody's phone and an own password, without the code, gives nothing away later."""
        Client().post("/accounts/signup/", self.FORM | {"password1": "thief-knows-this-1"})
        cache.clear()
        self.finish(client)
        assert User.objects.filter(phone="+8613900001111").count() == 1
        thief = Client()
        thief.post("/accounts/login/", {"login": "13900001111", "password": "thief-knows-this-1"})
        assert who(thief) is None

    @pytest.mark.parametrize("nickname", ["", "阿禾", "别人"])
    def test_a_stranger_who_types_her_number_does_not_end_her_sign_up(self, client: Client, nickname: str) -> None:
        page = client.post("/accounts/signup/", self.FORM, follow=True)
        cache.clear()
        Client().post("/accounts/signup/", self.FORM | {"nickname": nickname}, follow=True)
        done = client.post("/accounts/phone/verify/", {"code": code_on(page)})
        assert (done.status_code, done["Location"]) == (302, ROOM)
        user = who(client)
        assert user is not None
        assert (user.phone, user.phone_verified) == ("+8613900001111", True)
        assert User.objects.filter(phone="+8613900001111").count() == 1

    def test_beginning_again_keeps_the_nickname(self, client: Client) -> None:
        client.post("/accounts/signup/", self.FORM, follow=True)
        cache.clear()
        self.finish(client)
        assert User.objects.get(phone="+8613900001111").nickname == "阿禾"

    def test_a_banned_device_cannot_come_back_under_a_new_name(self, client: Client, viewer: User, operator: User) -> None:
        client.get("/accounts/signup/")
        device = client.get("/accounts/signup/").wsgi_request.device  # type: ignore[attr-defined]
        sanctions.impose(actor=operator, kind="ban", scope="platform", rule="欺诈", user=viewer, device=device)
        assert client.post("/accounts/signup/", self.FORM).status_code == 403
        assert not User.objects.filter(nickname="阿禾").exists()


class TestSenders:
    def test_codes_are_never_on_the_screen_in_production(self, client: Client) -> None:
        with override_settings(PRODUCTION=True, DEMO=False), pytest.raises(ImproperlyConfigured):
            senders.ScreenSender().send(client.get("/accounts/login/").wsgi_request, "+8613900001111", "123456")

    def test_a_setting_that_names_no_sender_is_refused(self, settings: Any) -> None:
        settings.CODE_SENDER = "accounts.models.User"
        senders.sender.cache_clear()
        with pytest.raises(ImproperlyConfigured):
            senders.sender()


def test_the_admin_site_lets_operators_in_by_the_sites_own_door(client: Client, operator: User, viewer: User) -> None:
    assert client.get("/admin/").headers["location"].startswith("/admin/login/")
    answer = client.get("/admin/login/?next=/admin/accounts/user/")
    assert answer.headers["location"] == "/accounts/login/?by=password&next=/admin/accounts/user/"
    assert client.get("/admin/login/?next=https://evil.example/").headers["location"].endswith("next=/admin/")
    client.force_login(viewer)
    answer = client.get("/admin/login/?next=/admin/")
    assert (answer.status_code, "只有运营人员能进管理后台" in answer.content.decode()) == (403, True)
    client.force_login(operator)
    assert client.get("/admin/login/?next=/admin/accounts/user/").headers["location"] == "/admin/accounts/user/"


def test_wrong_passwords_at_the_admin_sites_door_are_counted(client: Client, operator: User) -> None:
    operator.set_password("right-and-long")
    operator.save()
    asked = [client.post("/admin/login/?next=/admin/", {"username": operator.username, "password": f"wrong{n}"}) for n in range(3)]
    assert {answer.status_code for answer in asked} == {302}, "no password is looked at here"
    for n in range(12):
        client.post("/accounts/login/", {"login": operator.username, "password": f"wrong{n}"})
    client.post("/accounts/login/", {"login": operator.username, "password": "right-and-long"})
    assert "_auth_user_id" not in client.session, "too many tries"
    cache.clear()
    client.post("/accounts/login/", {"login": operator.username, "password": "right-and-long"})
    assert client.session["_auth_user_id"] == str(operator.pk)


def test_the_demos_people_are_nobody_in_production(client: Client, viewer: User, settings: Any) -> None:
    viewer.set_password("right-and-long")
    viewer.is_demo = True
    viewer.save()
    client.force_login(viewer)
    assert client.get("/me").status_code == 200
    settings.PRODUCTION = True
    assert client.get("/me").status_code == 302, "not even with a session from before"
    client.logout()
    client.post("/accounts/login/", {"login": viewer.username, "password": "right-and-long"})
    assert client.get("/me").status_code == 302
    settings.PRODUCTION = False
    client.post("/accounts/login/", {"login": viewer.username, "password": "right-and-long"})
    assert client.get("/me").status_code == 200
