import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import identity, sanctions
from accounts.models import AuditEntry, Sanction, User
from liveshop.refusals import Code, Refused
from tests import cast

pytestmark = pytest.mark.django_db


def mute(operator: User, target: User, **options: Any) -> Sanction:
    return sanctions.impose(**{"actor": operator, "kind": "mute", "scope": "platform", "rule": "刷屏", "user": target} | options)


class TestImpose:
    def test_it_keeps_rule_actor_evidence_and_an_audit_row(self, operator: User, viewer: User) -> None:
        given = mute(operator, viewer, evidence={"line": "加微信"})
        assert (given.rule, given.actor, given.evidence) == ("刷屏", operator, {"line": "加微信"})
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor, entry.subject, entry.reason) == ("sanction.mute", operator, f"user:{viewer.public_id}", "刷屏")

    @pytest.mark.parametrize("who", ["self", "operator", "superuser by operator"])
    def test_rank_protects(self, operator: User, who: str) -> None:
        staff = cast.make_user(is_staff=True)
        actor, target = {"self": (operator, operator), "operator": (staff, cast.make_user(is_staff=True))}.get(who, (staff, operator))
        with pytest.raises(Refused) as refused:
            mute(actor, target)
        assert refused.value.code is Code.FORBIDDEN
        assert not Sanction.objects.exists()
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("options", [{"user": None, "device": ""}, {"expires_at": timezone.now() - timedelta(hours=1)}])
    def test_nonsense_is_refused(self, operator: User, viewer: User, options: dict[str, Any]) -> None:
        with pytest.raises(Refused) as refused:
            mute(operator, viewer, **options)
        assert refused.value.code is Code.INVALID
        assert not Sanction.objects.exists()

    def test_a_ban_follows_the_person_to_a_new_account(self, operator: User, viewer: User) -> None:
        identity.remember(viewer, "device", "her-phone")
        sanctions.impose(actor=operator, kind="ban", scope="platform", rule="欺诈", user=viewer)
        newcomer = cast.make_user()
        assert sanctions.active(kind="ban", scope="platform", user=newcomer, device="her-phone")
        assert not sanctions.active(kind="ban", scope="platform", user=newcomer, device="another")
        User.objects.filter(pk=viewer.pk).update(phone=None)
        User.objects.filter(pk=newcomer.pk).update(phone=viewer.phone)
        newcomer.refresh_from_db()
        assert sanctions.active(kind="ban", scope="platform", user=newcomer)


class TestActive:
    def test_it_ends_by_itself(self, operator: User, viewer: User) -> None:
        ends = timezone.now() + timedelta(minutes=10)
        mute(operator, viewer, expires_at=ends)
        with time_machine.travel(ends - timedelta(seconds=1), tick=False):
            assert sanctions.active(kind="mute", scope="room:x", user=viewer)
        with time_machine.travel(ends + timedelta(seconds=1), tick=False):
            assert sanctions.active(kind="mute", scope="room:x", user=viewer) is None

    def test_a_room_sanction_stays_in_its_room(self, operator: User, viewer: User) -> None:
        mute(operator, viewer, scope="room:a")
        assert sanctions.active(kind="mute", scope="room:a", user=viewer)
        assert sanctions.active(kind="mute", scope="room:b", user=viewer) is None
        assert sanctions.active(kind="mute", scope="platform", user=viewer) is None
        assert sanctions.active(kind="ban", scope="room:a", user=viewer) is None

    def test_lifting_ends_it_once_and_keeps_the_row(self, operator: User, viewer: User) -> None:
        given = mute(operator, viewer)
        sanctions.lift(sanction=given, actor=operator, reason="申诉成立")
        first = given.lifted_at
        sanctions.lift(sanction=given, actor=operator, reason="again")
        assert (given.lifted_by, given.lifted_at) == (operator, first)
        assert sanctions.active(kind="mute", scope="platform", user=viewer) is None
        assert list(AuditEntry.objects.order_by("id").values_list("action", "reason")) == [
            ("sanction.mute", "刷屏"),
            ("sanction.lift_mute", "申诉成立"),
        ]


@pytest.mark.django_db(transaction=True)
class TestKill:
    def heard(self, listener: psycopg.Connection[Any]) -> list[dict[str, Any]]:
        return [json.loads(note.payload) for note in listener.notifies(timeout=1.0, stop_after=1)]

    @pytest.fixture
    def listener(self) -> Any:
        settings = connection.settings_dict
        with psycopg.connect(
            host=settings["HOST"], port=settings["PORT"] or None, user=settings["USER"], password=settings["PASSWORD"],
            dbname=settings["NAME"], autocommit=True,
        ) as listening:  # fmt: skip
            listening.execute("LISTEN liveshop")
            yield listening

    def test_a_ban_is_heard_by_every_process_within_a_second(self, listener: Any, operator: User, viewer: User) -> None:
        sanctions.impose(actor=operator, kind="ban", scope="room:abc", rule="引流", user=viewer, device="d1")
        [note] = self.heard(listener)
        told = json.dumps(note)
        assert all(word in told for word in ("kill", viewer.public_id, "d1", "room:abc"))

    def test_a_mute_kills_nothing(self, listener: Any, operator: User, viewer: User) -> None:
        mute(operator, viewer)
        assert self.heard(listener) == []

    def test_a_platform_ban_ends_sessions_and_then_refuses_posts_but_not_looking(
        self, client: Client, operator: User, viewer: User
    ) -> None:
        client.force_login(viewer)
        assert client.get("/me").status_code == 200
        sanctions.impose(actor=operator, kind="ban", scope="platform", rule="欺诈", user=viewer)
        assert client.get("/me").status_code == 302
        client.force_login(User.objects.get(pk=viewer.pk))
        page = client.get("/me")
        assert (page.status_code, "欺诈" in page.content.decode()) == (200, True)
        refused = client.post("/me/become-anchor")
        assert (refused.status_code, 'data-refused="BANNED"' in refused.content.decode()) == (403, True)
        viewer.refresh_from_db()
        assert not viewer.is_anchor
        assert client.get("/me/privacy/export").status_code == 200
        assert client.post("/accounts/logout/").status_code == 302
