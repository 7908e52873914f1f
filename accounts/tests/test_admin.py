from typing import Any

import pytest
from django.test import Client

from accounts import sanctions
from accounts.models import AuditEntry, Sanction, User
from accounts.tests.test_access import operator_of
from tests import cast

pytestmark = pytest.mark.django_db

PAGES = ["user", "sanction", "auditentry"]


def sign_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def impose(client: Client, user: User, **fields: Any) -> Any:
    return client.post(
        "/admin/accounts/sanction/add/",
        {
            "user": user.pk,
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
