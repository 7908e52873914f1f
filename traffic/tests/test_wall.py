from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from liveshop import capacity
from liveshop.capacity import Capacity
from rooms.models import MediaServer, Room, Show, ShowState

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


class TestWall:
    def test_it_shows_the_live_rooms(self, desk: Client, room: Room) -> None:
        page = desk.get(reverse("admin:index")).content.decode()
        assert room.title in page
        assert "每秒抢购" in page

    def test_it_alarms_when_the_media_server_is_silent_or_says_what_is_wrong(self, desk: Client) -> None:
        words = "流媒体服务没有响应：画面暂停"
        assert words not in desk.get(reverse("admin:index")).content.decode(), "never used"
        server = MediaServer.objects.create(name="m", rtmp_port=1935)
        assert words not in desk.get(reverse("admin:index")).content.decode()
        MediaServer.objects.update(problem="HTTP 502")
        assert "HTTP 502" in desk.get(reverse("admin:index")).content.decode()
        MediaServer.objects.update(problem="", seen_at=server.seen_at - timedelta(minutes=2))
        assert words in desk.get(reverse("admin:index")).content.decode()

    @pytest.mark.parametrize("who", ["viewer", "anchor", None])
    def test_an_outsider_sees_nothing_of_it(self, client: Client, who: str | None, room: Room, request: pytest.FixtureRequest) -> None:
        if who:
            client.force_login(request.getfixturevalue(who))
        response = client.get(reverse("wall"))
        assert response.status_code == 302
        assert room.title not in response.content.decode()

    def test_its_refresh_is_a_piece_and_its_address_leads_to_the_whole_page(self, desk: Client, room: Room) -> None:
        piece = desk.get(reverse("wall"), headers={"HX-Request": "true"})
        assert room.title in piece.content.decode()
        assert "<html" not in piece.content.decode()
        assert desk.get(reverse("wall")).headers["Location"] == reverse("admin:index")


class TestCapacity:
    def test_it_says_how_to_measure(self, desk: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("LIVESHOP_HOME", str(tmp_path))
        assert "bin/bench capacity" in desk.get(reverse("admin:index")).content.decode()

    def test_it_shows_what_was_measured_when_and_where(self, desk: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("LIVESHOP_HOME", str(tmp_path))
        capacity.write(Capacity(viewers=9_100, claims_per_s=29_000, day="2026-11-23", machine="2 × Tested, 8 GB, Linux"))
        page = desk.get(reverse("admin:index")).content.decode()
        assert all(figure in page for figure in ("9100", "29000", "2026-11-23", "2 × Tested"))

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"viewers": 1}'])
    def test_a_spoiled_file_is_as_none(self, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("LIVESHOP_HOME", str(tmp_path))
        (tmp_path / capacity.FILE).write_text(text)
        assert capacity.read() is None


class TestLevers:
    def test_an_operator_ends_a_show_with_a_reason(self, desk: Client, room: Room, operator: User) -> None:
        desk.post(reverse("wall_room", args=[room.slug]), {"do": "end", "reason": "虚假宣传"})
        assert Show.objects.get().state == ShowState.ENDED
        assert AuditEntry.objects.get(action="show_ended").actor == operator

    @pytest.mark.parametrize("form", [{"do": "end", "reason": " "}, {"do": "nosuch", "reason": "x"}, {}])
    def test_without_a_reason_or_lever_nothing_happens(self, desk: Client, room: Room, form: dict[str, str]) -> None:
        assert desk.post(reverse("wall_room", args=[room.slug]), form, follow=True).status_code == 200
        assert Show.objects.get().state == ShowState.LIVE

    def test_banning_closes_the_room(self, desk: Client, room: Room) -> None:
        desk.post(reverse("wall_room", args=[room.slug]), {"do": "ban", "reason": "违规"})
        assert Room.objects.get().is_banned

    def test_an_anchor_cannot_pull_the_levers(self, client: Client, room: Room) -> None:
        client.force_login(room.anchor)
        client.post(reverse("wall_room", args=[room.slug]), {"do": "ban", "reason": "x"})
        assert not Room.objects.get().is_banned

    def test_an_operator_without_the_power_is_refused(self, client: Client, room: Room, viewer: User) -> None:
        viewer.is_staff = True
        viewer.save()
        client.force_login(viewer)
        client.post(reverse("wall_room", args=[room.slug]), {"do": "ban", "reason": "x"})
        assert not Room.objects.get().is_banned
