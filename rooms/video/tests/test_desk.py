"""The studio's doors for video: who gets a key or a camera ticket, and what the stream's list says."""

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import User
from rooms.models import MediaServer, Room, StreamKey, StreamSession
from rooms.studio.desk import enter
from rooms.video import cameras, desk, embedded, keys, reasons
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"hx-request": "true"}


@pytest.mark.parametrize("name", ["studio_key", "studio_camera"])
def test_only_the_anchor_herself_opens_these_doors(name: str, client: Client, room: Room, viewer: User, other_anchor: User) -> None:
    from rooms import moderation

    moderator = cast.make_user("场控小周")
    moderation.grant_moderator(room=room, user=moderator, powers=["pin", "room_modes"], by=room.anchor)
    address = reverse(name, args=[room.slug])
    assert client.post(address, headers=HX).status_code == 401
    for outsider in (viewer, other_anchor, moderator, cast.make_user("运营", is_staff=True, is_superuser=True)):
        client.force_login(outsider)
        assert client.post(address, headers=HX).status_code == 403, outsider
    assert client.get(address).status_code == 405
    assert not StreamKey.objects.exists()


def test_the_key_is_shown_once_and_kept_as_a_digest(client: Client, room: Room) -> None:
    client.force_login(room.anchor)
    first = client.post(reverse("studio_key", args=[room.slug]), headers=HX)
    key = first.context["key"]
    assert key in first.content.decode()
    assert keys.room_of(key) == room
    row = StreamKey.objects.get()
    assert key not in str(row.__dict__)
    assert row.hint == key[-4:]
    second = client.post(reverse("studio_key", args=[room.slug]))
    assert "stream-key-text" in second.content.decode(), "without scripts it is a page of its own"
    assert keys.room_of(key) is None
    assert keys.room_of(second.context["key"]) == room
    page = client.get(reverse("studio", args=[room.slug])).content.decode()
    assert second.context["key"] not in page


@pytest.mark.parametrize("key", ["", "short", "x" * 43, "ключ" * 10, "x" * 5000, "a\x00" * 20])
def test_what_is_no_key_opens_no_room(key: str, room: Room) -> None:
    keys.make(room=room, by=room.anchor)
    assert keys.room_of(key) is None


def test_a_camera_ticket_is_for_one_room_one_minute_and_one_use(client: Client, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(room.anchor)
    ticket = client.post(reverse("studio_camera", args=[room.slug])).json()["ticket"]
    gate = cameras.Gate()
    with pytest.raises(cameras.BadCameraTicket):
        gate.admit(ticket, cast.make_room().public_id)
    gate.admit(ticket, room.public_id)
    with pytest.raises(cameras.BadCameraTicket):
        gate.admit(ticket, room.public_id)
    late = cameras.issue(room)
    monkeypatch.setattr(cameras, "HOLDS_S", -1)
    with pytest.raises(cameras.BadCameraTicket):
        gate.admit(late, room.public_id)
    with pytest.raises(cameras.BadCameraTicket):
        gate.admit("nonsense", room.public_id)


def test_a_closed_room_gets_no_camera(client: Client, room: Room) -> None:
    Room.objects.filter(pk=room.pk).update(is_banned=True, ban_reason="假货")
    client.force_login(room.anchor)
    assert client.post(reverse("studio_camera", args=[room.slug]), headers={"accept": "application/json"}).status_code == 403


@pytest.mark.parametrize(
    ("figures", "name", "is_ok"),
    [
        ({}, "keyframes", True),
        ({"keyframe_ms": 4000}, "keyframes", True),
        ({"keyframe_ms": 4040}, "keyframes", False),
        ({"bitrate_kbps": 300}, "bitrate", False),
        ({"frame_rate": 5}, "size", False),
        ({"has_sound": False}, "sound", False),
        ({"loudness_db": -70}, "sound", False),
        ({"loudness_db": -20}, "sound", True),
        ({"trouble": "disk_full"}, "trouble", False),
    ],
)
def test_the_streams_list_says_what_to_mend(figures: dict[str, object], name: str, is_ok: bool) -> None:
    fine = {"width": 1280, "height": 720, "frame_rate": 25, "bitrate_kbps": 2000, "keyframe_ms": 2000, "has_sound": True}
    told = {check.name: check for check in desk.checks(StreamSession(**fine | figures))}
    assert told[name].is_ok is is_ok
    assert all(check.is_ok for check in told.values() if check.name != name)
    assert not any(check.blocks for check in told.values())


def test_the_address_is_the_one_the_anchor_came_by(rf: RequestFactory, room: Room) -> None:
    MediaServer.objects.create(name="m", rtmp_port=1936)
    request = rf.get("/", headers={"host": "shop.example:8000"})
    request.user, request.device = room.anchor, ""
    assert desk.panel(enter(request, room.slug))["address"] == "rtmp://shop.example:1936/live"
    MediaServer.objects.update(seen_at=timezone.now() - 2 * embedded.FRESH)
    assert desk.panel(enter(request, room.slug))["address"] == ""


@pytest.mark.parametrize("code", sorted(reasons.REASONS))
def test_every_reason_has_words_in_both_languages(code: str) -> None:
    stored = reasons.reason(code, "HEVC" if "%(detail)s" in reasons.REASONS[code] else "")
    with translation.override("zh-hans"):
        chinese = reasons.sentence(stored)
    with translation.override("en"):
        assert chinese != reasons.sentence(stored)
    assert "%" not in chinese
    assert "%" not in reasons.plain(stored)


def test_an_unknown_reason_is_shown_as_it_is() -> None:
    assert reasons.sentence("stream lost") == "stream lost"
