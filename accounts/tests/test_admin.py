import ast
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts import deeds, identity, people, sanctions
from accounts.models import AuditEntry, Farewell, Sanction, User
from accounts.tests.test_access import operator_of
from tests import cast

pytestmark = pytest.mark.django_db

OURS = {"accounts", "alliance", "campaigns", "catalog", "ledger", "orders", "rooms"}
PAGES = ["user", "sanction", "auditentry"]


def sign_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def impose(client: Client, whom: User, **fields: Any) -> Any:
    return client.post(
        "/admin/accounts/sanction/add/",
        {
            "user": whom.pk,
            "kind": "mute",
            "scope": "platform",
            "rule": "刷屏",
            "proof": "加微信 123",
            "expires_at_0": "",
            "expires_at_1": "",
        }
        | fields,
    )


class TestWhoGetsIn:
    @pytest.mark.parametrize("page", PAGES)
    def test_outsiders_do_not(self, client: Client, viewer: User, page: str) -> None:
        sign_in(client, viewer)
        assert client.get(f"/admin/accounts/{page}/").status_code == 302

    @pytest.mark.parametrize(
        ("group", "seen"), [("治理", {"user", "sanction", "auditentry"}), ("客服", {"user", "sanction"}), ("营销", set()), ("财务", set())]
    )
    def test_each_group_sees_what_it_needs(self, client: Client, group: str, seen: set[str]) -> None:
        sign_in(client, operator_of(group))
        assert {page for page in PAGES if client.get(f"/admin/accounts/{page}/").status_code == 200} == seen

    def test_no_page_shows_a_whole_phone_number(self, client: Client, operator: User, viewer: User) -> None:
        sign_in(client, operator)
        for path in ("user/", f"user/{viewer.pk}/change/"):
            page = client.get(f"/admin/accounts/{path}").content.decode()
            assert viewer.nickname in page
            assert str(viewer.phone).removeprefix("+86") not in page


class TestSanctions:
    def test_imposing_is_the_action_with_evidence_and_audit(self, client: Client, viewer: User) -> None:
        actor = operator_of("治理")
        assert impose(sign_in(client, actor), viewer, kind="ban").status_code == 302
        given = Sanction.objects.get()
        assert (given.actor, given.kind, given.evidence) == (actor, "ban", {"proof": "加微信 123"})
        assert AuditEntry.objects.get().action == "sanction.ban"
        viewer.refresh_from_db()
        assert viewer.session_epoch == 1

    def test_support_may_mute_but_not_ban(self, client: Client, viewer: User) -> None:
        sign_in(client, operator_of("客服"))
        assert impose(client, viewer, kind="ban").status_code == 403
        assert not Sanction.objects.exists()
        assert impose(client, viewer).status_code == 302

    def test_a_phone_without_an_account_is_banned_and_shown_masked(self, client: Client) -> None:
        sign_in(client, operator_of("治理"))
        impose(client, User(), user="", kind="ban", phone="139 0000 7777")
        given = Sanction.objects.get()
        assert (given.user, bytes(given.phone_digest)) == (None, identity.digest("phone", "+8613900007777"))
        page = client.get("/admin/accounts/sanction/").content.decode()
        assert "139****7777" in page
        assert "13900007777" not in page
        newcomer = people.sign_up(nickname="又来了", phone="+8613900007777")
        assert sanctions.active(kind="ban", scope="platform", user=newcomer) == given

    def test_a_phone_with_an_account_binds_to_her(self, client: Client, viewer: User) -> None:
        sign_in(client, operator_of("治理"))
        told = impose(client, User(), user="", kind="ban", phone=str(viewer.phone))
        assert Sanction.objects.get().user == viewer
        assert told.status_code == 302

    def test_a_device_is_named_by_its_code_and_everybody_at_it_is_sent_away(self, client: Client, viewer: User) -> None:
        identity.remember(viewer, "device", "phone-of-two")
        code = identity.devices_of(viewer)[0][0]
        sign_in(client, operator_of("治理"))
        assert code in client.get(f"/admin/accounts/user/{viewer.pk}/change/").content.decode()
        impose(client, User(), user="", kind="ban", device=code)
        given = Sanction.objects.get()
        assert (given.user, bytes(given.device_digest)) == (None, identity.digest("device", "phone-of-two"))
        assert code in client.get("/admin/accounts/sanction/").content.decode()
        assert sanctions.active(kind="ban", scope="platform", device="phone-of-two") == given

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"user": ""}, "请指定用户、手机号或设备"),
            ({"user": "", "phone": "12"}, "手机号不对"),
            ({"user": "", "device": "0123456789abcdef"}, "没有见过这个编号的设备"),
            ({"user": "", "device": "xyz"}, "没有见过这个编号的设备"),
        ],
    )
    def test_a_wrong_target_is_told(self, client: Client, viewer: User, wrong: dict[str, str], words: str) -> None:
        sign_in(client, operator_of("治理"))
        assert words in impose(client, viewer, **wrong).content.decode()
        assert not Sanction.objects.exists()

    def test_nobody_sanctions_an_operator(self, client: Client, operator: User) -> None:
        assert impose(sign_in(client, operator_of("治理")), operator).status_code == 403
        assert not Sanction.objects.exists()

    def test_lifting_needs_a_reason_and_changes_nothing_else(self, client: Client, operator: User, viewer: User) -> None:
        given = sanctions.impose(actor=operator, kind="mute", scope="platform", rule="刷屏", user=viewer)
        sign_in(client, operator)
        page = f"/admin/accounts/sanction/{given.pk}/change/"
        client.post(page, {"lift_reason": "", "rule": "other"})
        given.refresh_from_db()
        assert (given.lifted_at, given.rule) == (None, "刷屏")
        client.post(page, {"lift_reason": "申诉成立", "rule": "other"})
        given.refresh_from_db()
        assert given.lifted_by == operator
        assert (given.rule, AuditEntry.objects.order_by("-id")[0].reason) == ("刷屏", "申诉成立")


class TestAuditLog:
    @pytest.mark.parametrize("verb", ["add/", "{pk}/change/", "{pk}/delete/"])
    def test_even_a_superuser_only_reads(self, client: Client, operator: User, viewer: User, verb: str) -> None:
        sanctions.impose(actor=operator, kind="mute", scope="platform", rule="刷屏", user=viewer)
        entry = AuditEntry.objects.get()
        sign_in(client, operator)
        assert client.get("/admin/accounts/auditentry/").status_code == 200
        response = client.post(f"/admin/accounts/auditentry/{verb.format(pk=entry.pk)}", {"reason": "nothing", "post": "yes"})
        assert response.status_code == 403
        assert AuditEntry.objects.get().reason == "刷屏"


class TestRights:
    def test_making_an_operator_is_audited(self, client: Client, operator: User, viewer: User) -> None:
        sign_in(client, operator)
        group = operator_of("财务").groups.get()
        assert (
            client.post(
                f"/admin/accounts/user/{viewer.pk}/change/", {"is_staff": "on", "is_active": "on", "groups": [group.pk]}
            ).status_code
            == 302
        )
        viewer.refresh_from_db()
        assert viewer.is_staff
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor, entry.after) == ("user.change_rights", operator, {"is_staff": True, "groups": ["财务"]})

    def test_closing_an_account_ends_its_rooms(self, client: Client, operator: User, viewer: User) -> None:
        sign_in(client, operator)
        client.post(f"/admin/accounts/user/{viewer.pk}/change/", {"groups": []})
        viewer.refresh_from_db()
        assert not viewer.is_active
        assert Farewell.objects.get().notice["user"] == viewer.public_id

    def test_an_operator_cannot_make_operators(self, client: Client, viewer: User) -> None:
        sign_in(client, operator_of("治理"))
        client.post(f"/admin/accounts/user/{viewer.pk}/change/", {"is_staff": "on", "is_active": "on"})
        viewer.refresh_from_db()
        assert not viewer.is_staff

    def test_group_powers_are_ticks_of_a_closed_list(self, client: Client, operator: User) -> None:
        sign_in(client, operator)
        group = cast.make_user(is_staff=True) and operator_of("客服").groups.get()
        page = client.get(f"/admin/auth/group/{group.pk}/change/").content.decode()
        assert 'value="cut_show"' in page
        assert 'value="grant_moderator"' not in page


class TestLog:
    def test_it_says_what_was_done_and_links_to_whom(self, client: Client, operator: User, viewer: User) -> None:
        sanctions.impose(actor=operator, kind="mute", scope="platform", rule="刷屏", user=viewer)
        sign_in(client, operator)
        page = client.get("/admin/accounts/auditentry/").content.decode()
        assert "禁言" in page
        assert f'href="/admin/accounts/user/{viewer.pk}/change/"' in page
        assert "sanction.mute" not in page.replace("action=sanction.mute", "")

    def test_a_thing_that_is_gone_is_named_by_its_number(self) -> None:
        assert deeds.page_of(AuditEntry(subject="deal:nowhere")) == ("deal:nowhere", "")
        assert deeds.page_of(AuditEntry(subject="word")) == ("word", "")

    def test_the_filter_knows_each_action_by_its_words(self, client: Client, operator: User, viewer: User) -> None:
        sanctions.impose(actor=operator, kind="mute", scope="platform", rule="刷屏", user=viewer)
        sign_in(client, operator)
        for action, rows in (("sanction.mute", 1), ("sanction.ban", 0)):
            assert client.get(f"/admin/accounts/auditentry/?action={action}").context["cl"].result_count == rows

    def test_every_action_that_is_written_has_words(self) -> None:
        written = set()
        for module in Path(settings.BASE_DIR).glob("*/**/*.py"):
            if module.relative_to(settings.BASE_DIR).parts[0] in OURS and "tests" not in module.parts:
                for call in ast.walk(ast.parse(module.read_text())):
                    if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "record_in_tx":
                        action = next(keyword.value for keyword in call.keywords if keyword.arg == "action")
                        if isinstance(action, ast.Constant):
                            written.add(action.value)
        assert len(written) > 30
        assert not written - set(deeds.WORDS)
