"""How long recordings stay: days, quotas, legal holds, and who is told."""

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from accounts.tests.test_access import operator_of
from liveshop.refusals import Code, Refused
from rooms.models import Recording, Room, Show, ShowState
from rooms.video import covers, holds, recording, replays, retention
from rooms.video.tests.conftest import BEGAN
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_old_recordings_go_held_and_young_ones_stay(show: Show, settings: Any) -> None:
    first, second = Recording.objects.order_by("began_at")
    old = timezone.now() - timedelta(days=settings.RECORDINGS_KEEP_DAYS + 1)
    Recording.objects.update(ended_at=old)
    held = Show.objects.create(room=show.room, title="封存", state=ShowState.ENDED, hold_reason="监管要求")
    Recording.objects.filter(pk=second.pk).update(show=held)
    cover, other = (covers.cover_path(replays.file_of(row), 7) for row in (first, second))
    cover.write_bytes(b"")
    other.write_bytes(b"")
    young = Recording.objects.create(room=show.room, show=show, path="young.mp4", mime="", ended_at=timezone.now())
    assert retention.remove_old() == 1
    assert retention.remove_old() == 0
    assert not replays.file_of(first).exists()
    assert not recording.index_path(replays.file_of(first)).exists()
    assert not cover.exists()
    assert other.exists()
    assert replays.file_of(second).exists()
    assert list(Recording.objects.filter(removed_at=None).order_by("pk")) == [second, young]
    assert [reel.row for reel in replays.film_of(held).reels] == [second]


def test_a_room_above_its_quota_loses_its_oldest_but_none_held_or_on_air(show: Show, settings: Any) -> None:
    oldest, newer = Recording.objects.order_by("began_at")
    settings.RECORDINGS_ROOM_GB = 0
    Recording.objects.update(size=600_000_000, ended_at=BEGAN)
    assert retention.remove_over_quota() == 0, "no quota, no removal"
    settings.RECORDINGS_ROOM_GB = 1.2
    assert retention.remove_over_quota() == 0, "just full is not too full"
    settings.RECORDINGS_ROOM_GB = 1
    Show.objects.update(state=ShowState.INTERRUPTED)
    assert retention.remove_over_quota() == 0, "the show is running"
    Show.objects.update(state=ShowState.ENDED)
    held = Show.objects.create(room=show.room, title="封存", state=ShowState.ENDED, hold_reason="监管要求")
    Recording.objects.filter(pk=oldest.pk).update(show=held)
    assert retention.remove_over_quota() == 1
    assert replays.file_of(oldest).exists(), "held"
    assert not replays.file_of(newer).exists()
    entry = AuditEntry.objects.get(action="recording.removed")
    assert (entry.subject, entry.reason) == (f"recording:{newer.public_id}", "room over quota")
    settings.RECORDINGS_ROOM_GB = 0.5
    assert retention.remove_over_quota() == 0, "what is left is held"


def test_the_oldest_of_the_room_goes_first_and_other_rooms_keep_theirs(show: Show, settings: Any) -> None:
    oldest, newer = Recording.objects.order_by("began_at")
    other = cast.make_room(cast.make_user("邻居", is_anchor=True), slug="neighbour")
    theirs = Recording.objects.create(room=other, show=other.shows.get(), path="theirs.mp4", mime="", ended_at=BEGAN)
    Recording.objects.update(size=600_000_000, ended_at=BEGAN)
    settings.RECORDINGS_ROOM_GB = 1
    assert retention.remove_over_quota() == 1
    assert list(Recording.objects.filter(removed_at=None).order_by("pk")) == [newer, theirs]
    assert not replays.file_of(oldest).exists()


@pytest.mark.parametrize(("size", "is_told"), [(790_000_000, False), (800_000_000, True)])
def test_the_studio_warns_of_a_room_nearly_full(show: Show, settings: Any, client: Client, size: int, is_told: bool) -> None:
    Recording.objects.filter(show=show).update(size=0)
    Recording.objects.filter(pk=Recording.objects.latest("pk").pk).update(size=size)
    settings.RECORDINGS_ROOM_GB = 1
    client.force_login(show.room.anchor)
    page = client.get(reverse("studio", args=[show.room.slug]), headers={"accept-language": "zh-hans"}).content.decode()
    assert ("录像空间已用 80%" in page) is is_told


def test_a_room_keeps_its_recordings_for_days_of_its_own(show: Show, settings: Any, operator: User) -> None:
    settings.RECORDINGS_KEEP_DAYS = 30
    Recording.objects.update(ended_at=timezone.now() - timedelta(days=10))
    assert retention.remove_old() == 0
    holds.keep(room=show.room, by=operator, days=11)
    assert retention.remove_old() == 0
    holds.keep(room=show.room, by=operator, days=9)
    assert retention.remove_old() == 2
    Recording.objects.update(removed_at=None)
    holds.keep(room=show.room, by=operator, days=60)
    Recording.objects.update(ended_at=timezone.now() - timedelta(days=40))
    assert retention.remove_old() == 0, "longer than the site"
    holds.keep(room=show.room, by=operator, days=None)
    assert retention.remove_old() == 2
    told = AuditEntry.objects.filter(action="recordings.keep_days").order_by("pk")
    assert [entry.after["days"] for entry in told] == [11, 9, 60, None]


def test_a_hold_keeps_what_a_running_show_adds_and_lifting_lets_it_go(show: Show, settings: Any, operator: User) -> None:
    Show.objects.update(state=ShowState.LIVE)
    holds.hold(show=show, by=operator, reason=" 案号 7 ")
    Recording.objects.create(room=show.room, show=show, path="later.mp4", mime="")
    Show.objects.update(state=ShowState.ENDED)
    Recording.objects.update(size=600_000_000, ended_at=BEGAN - timedelta(days=9000))
    settings.RECORDINGS_ROOM_GB = 1
    assert retention.remove_old() + retention.remove_over_quota() == 0
    holds.release(show=show, by=operator, reason="结案")
    assert retention.remove_over_quota() == 2
    assert retention.remove_old() == 1
    told = AuditEntry.objects.filter(subject=f"show:{show.public_id}").order_by("pk")
    assert [(entry.action, entry.reason, entry.after) for entry in told] == [
        ("recordings.held", "案号 7", {"hold_reason": "案号 7"}),
        ("recordings.released", "结案", {"hold_reason": ""}),
    ]


def test_what_cannot_be_held_or_lifted_is_refused_and_changes_nothing(show: Show, operator: User) -> None:
    wrong: list[tuple[Any, User, str, Code]] = [
        (holds.hold, show.room.anchor, "为了自己", Code.FORBIDDEN),
        (holds.hold, operator_of("客服"), "没有权限", Code.FORBIDDEN),
        (holds.hold, operator, "  ", Code.INVALID),
        (holds.release, operator, "没有保留", Code.INVALID),
    ]
    for act, by, reason, code in wrong:
        with pytest.raises(Refused) as refused:
            act(show=show, by=by, reason=reason)
        assert refused.value.code == code
    Recording.objects.update(removed_at=timezone.now())
    with pytest.raises(Refused):
        holds.hold(show=show, by=operator, reason="太晚了")
    show.refresh_from_db()
    assert show.hold_reason == ""
    assert not AuditEntry.objects.filter(action__startswith="recordings.").exists()


def test_a_removal_waits_for_a_hold_that_is_being_set(show: Show, operator: User) -> None:
    Recording.objects.update(ended_at=BEGAN - timedelta(days=9000))
    removed: list[int] = []

    def remove() -> None:
        removed.append(retention.remove_old())
        connection.close()

    with transaction.atomic():
        holds.hold(show=show, by=operator, reason="投诉")
        job = threading.Thread(target=remove)
        job.start()
        job.join(0.5)
        assert job.is_alive(), "it must not decide before the hold does"
    job.join(10)
    assert removed == [0]
    assert Recording.objects.filter(removed_at=None).count() == 2


class TestDesk:
    @pytest.fixture
    def page(self, show: Show) -> str:
        return reverse("admin:rooms_show_change", args=[show.pk])

    def test_an_operator_holds_and_lifts_on_the_shows_page(self, client: Client, page: str, show: Show) -> None:
        client.force_login(operator_of("治理"))
        first = client.get(page).content.decode()
        assert "依法保留这场的录像，原因" in first
        assert "解除依法保留，原因" not in first
        assert "entries into the room" not in first, "no English help in the desk"
        inline = {"recordings-TOTAL_FORMS": "0", "recordings-INITIAL_FORMS": "0"}
        assert client.post(page, inline).status_code == 302
        assert not AuditEntry.objects.filter(action="recordings.held").exists(), "without a reason nothing happens"
        assert client.post(page, inline | {"hold_because": "监管要求", "title": "改名"}).status_code == 302
        show.refresh_from_db()
        assert show.hold_reason == "监管要求"
        assert show.title != "改名", "nothing else can be changed here"
        assert "解除依法保留，原因" in client.get(page).content.decode()
        assert show.title in client.get(reverse("admin:rooms_show_changelist") + "?held=1").content.decode()
        assert client.post(page, inline | {"lift_because": "结案"}).status_code == 302
        show.refresh_from_db()
        assert show.hold_reason == ""
        log = client.get(reverse("admin:accounts_auditentry_changelist")).content.decode()
        assert "依法保留了一场直播的录像" in log
        assert page in log, "the log leads to the show"

    def test_it_lists_what_is_kept_of_the_show_for_whoever_may_see_it(self, client: Client, page: str, operator: User) -> None:
        for who in (operator, operator_of("治理")):
            client.force_login(who)
            for name in ("room", "show", "recording"):
                if name != "recording" or who.is_superuser:
                    assert client.get(reverse(f"admin:rooms_{name}_changelist")).status_code == 200
            shown = client.get(page)
            assert shown.status_code == 200
            for recording_id in Recording.objects.values_list("public_id", flat=True):
                assert recording_id in shown.content.decode()
        client.force_login(operator)
        one = Recording.objects.latest("pk")
        assert client.get(reverse("admin:rooms_recording_change", args=[one.pk])).status_code == 200

    def test_an_operator_sets_the_days_of_a_room(self, client: Client, show: Show) -> None:
        client.force_login(operator_of("治理"))
        page = reverse("admin:rooms_room_change", args=[show.room.pk])
        assert "录像保留天数" in client.get(page).content.decode()
        assert client.post(page, {"days": "0"}).status_code == 200, "refused with words"
        client.post(page, {"days": "1200", "slug": "stolen"})
        assert Room.objects.values_list("keep_days", "slug").get(pk=show.room.pk) == (1200, show.room.slug)
        client.post(page, {"days": ""})
        assert Room.objects.get(pk=show.room.pk).keep_days is None

    @pytest.mark.parametrize("group", ["营销", "财务", "客服"])
    def test_operators_without_the_right_cannot(self, client: Client, page: str, show: Show, group: str) -> None:
        client.force_login(operator_of(group))
        assert client.post(page, {"hold_because": "试试"}).status_code == 403
        show.refresh_from_db()
        assert show.hold_reason == ""

    def test_others_do_not_get_in(self, client: Client, page: str, show: Show) -> None:
        client.force_login(show.room.anchor)
        assert client.post(page, {"hold_because": "试试"}).status_code == 302
        show.refresh_from_db()
        assert show.hold_reason == ""


@pytest.mark.parametrize(("size", "is_told"), [(790_000_000, False), (800_000_000, True)])
def test_the_wall_names_rooms_nearly_full(show: Show, settings: Any, client: Client, operator: User, size: int, is_told: bool) -> None:
    settings.RECORDINGS_ROOM_GB = 1
    Recording.objects.update(size=0)
    Recording.objects.filter(pk=Recording.objects.latest("pk").pk).update(size=size)
    client.force_login(operator)
    page = client.get(reverse("admin:index")).content.decode()
    assert ("录像空间用量" in page and f"{show.room.title}</a> 80%" in page) is is_told


def test_the_wall_tells_of_a_nearly_full_disk(show: Show, client: Client, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(operator)
    for free, is_told in ((21, False), (20, True)):
        monkeypatch.setattr(retention.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(used=100 - free, free=free))
        assert (f"录像所在的磁盘已用 {100 - free}%" in client.get(reverse("admin:index")).content.decode()) is is_told

    def silent(path: object) -> object:
        raise OSError("stale file handle")

    monkeypatch.setattr(retention.shutil, "disk_usage", silent)
    assert client.get(reverse("admin:index")).status_code == 200
