"""The callbacks as nginx-rtmp sends them: who is let in, what they do to the show, and that coming twice or late changes nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from rooms import stage
from rooms.models import MediaServer, Room, Show, ShowState, StreamSession
from rooms.studio.desk import enter
from rooms.video import desk, keys, tasks, tier
from rooms.video.external import publishing
from rooms.video.external.tests.conftest import HOOK, Api
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
Tell = Callable[..., Any]
DOOR = "/internal/media/nginx-rtmp"


@pytest.fixture
def key(room: Room) -> str:
    return keys.make(room=room, by=room.anchor)


def state_of(room: Room) -> int:
    return Show.objects.filter(room=room).latest("pk").state


def open_one(room: Room) -> StreamSession:
    return StreamSession.objects.get(room=room, ended_at=None)


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        (DOOR, {}),
        (f"{DOOR}?secret=", {}),
        (f"{DOOR}?secret={HOOK}x", {}),
        (f"{DOOR}?secret={HOOK[:-1]}", {}),
        (f"{DOOR}?secret=ключ", {}),
        (f"{DOOR}?Secret={HOOK}", {}),
        (DOOR, {"authorization": f"Basic {HOOK}"}),
        (DOOR, {"authorization": "Bearer wrong"}),
        (f"/internal/media/srs?secret={HOOK}", {}),
        (f"/internal/media/other?secret={HOOK}", {}),
    ],
)
def test_without_the_secret_everybody_hears_403(
    address: str, headers: dict[str, str], api: Api, client: Client, room: Room, key: str, operator: User
) -> None:
    body = f"call=publish&name={room.public_id}&clientid=1&key={key}"
    for user in (None, room.anchor, operator):
        if user:
            client.force_login(user)
        answer = client.post(address, body, content_type="application/x-www-form-urlencoded", headers=headers)
        assert (answer.status_code, answer.content) == (403, b"")
        assert client.get(address, headers=headers).status_code == 403
    assert not StreamSession.objects.exists()


def test_the_embedded_tier_has_no_such_door(settings: Any, tell: Tell, room: Room, key: str) -> None:
    settings.VIDEO_TIER = "embedded"
    assert tell("publish", room, key=key).status_code == 403
    settings.VIDEO_TIER, settings.EXTERNAL_HOOK_SECRET = "external", ""
    assert tell("publish", room, key=key).status_code == 403
    assert not StreamSession.objects.exists()


def test_the_right_key_puts_the_show_on_air_and_the_page_plays_hls(tell: Tell, room: Room, key: str, client: Client) -> None:
    assert tell("publish", room, key=key).status_code == 200
    session = open_one(room)
    assert (session.source, session.client, session.show) == ("external", "1", room.shows.get())
    page = client.get(f"/live/{room.slug}").content.decode()
    assert f'data-video="{session.public_id}"' in page
    assert f'data-hls="{tier.current().ladder(room.public_id).hls}"' in page
    assert 'data-live=""' in page
    assert key not in page


@pytest.mark.parametrize("wrong", ["", "x" * 43, "ключ" * 10])
def test_a_wrong_key_is_refused(wrong: str, tell: Tell, room: Room, key: str) -> None:
    assert tell("publish", room, key=wrong).status_code == 403
    assert not StreamSession.objects.exists()


def test_a_key_opens_its_own_room_alone(tell: Tell, room: Room, key: str) -> None:
    other = cast.make_room(live=True, slug="other")
    assert tell("publish", other, key=key).status_code == 403
    assert not StreamSession.objects.exists()


def test_after_eight_wrong_keys_an_address_waits_a_minute(tell: Tell, room: Room, key: str) -> None:
    for _ in range(publishing.MAX_WRONG_KEYS):
        tell("publish", room, key="x" * 43)
    assert tell("publish", room, key=key).status_code == 403
    assert tell("publish", room, key=key, addr="198.51.100.1").status_code == 200


def test_a_closed_room_is_refused(tell: Tell, room: Room, key: str, operator: User) -> None:
    stage.ban_room(room=room, by=operator, reason="假货")
    assert tell("publish", room, key=key).status_code == 403
    assert not StreamSession.objects.exists()


def test_the_same_call_twice_is_one_stream(tell: Tell, room: Room, key: str, api: Api) -> None:
    assert [tell("publish", room, key=key).status_code for _ in range(2)] == [200, 200]
    assert StreamSession.objects.count() == 1
    assert [tell("publish_done", room).status_code for _ in range(2)] == [200, 200]
    assert StreamSession.objects.get().end_reason == "lost"
    assert state_of(room) == ShowState.INTERRUPTED
    assert api.asked == []


def test_lost_and_back_is_the_same_show(tell: Tell, room: Room, key: str) -> None:
    tell("publish", room, key=key)
    tell("publish_done", room)
    assert state_of(room) == ShowState.INTERRUPTED
    assert tell("publish", room, 2, key=key).status_code == 200
    assert state_of(room) == ShowState.LIVE
    assert room.shows.count() == 1
    assert open_one(room).show == room.shows.get()


def test_the_newest_wins_and_the_older_ones_late_end_changes_nothing(tell: Tell, room: Room, key: str, api: Api) -> None:
    tell("publish", room, 1, key=key)
    assert tell("publish", room, 2, key=key).status_code == 200
    assert api.asked == [f"GET /control/drop/publisher?app=live&name={room.public_id}&clientid=1"]
    tell("publish_done", room, 1)
    assert open_one(room).client == "2"
    assert state_of(room) == ShowState.LIVE
    assert StreamSession.objects.exclude(ended_at=None).get().end_reason == "taken_over"


def test_an_end_that_comes_before_its_beginning_or_is_of_nobody_changes_nothing(tell: Tell, room: Room, key: str) -> None:
    assert tell("publish_done", room, 7).status_code == 200
    assert tell("record_done", room, 7, path="/rec/x.flv").status_code == 200
    tell("publish", room, 7, key=key)
    assert tell("publish_done", room, 8).status_code == 200
    assert open_one(room).client == "7"


def test_a_new_key_cuts_who_streams_with_the_old_one(tell: Tell, room: Room, key: str, api: Api) -> None:
    tell("publish", room, key=key)
    keys.make(room=room, by=room.anchor)
    assert run_jobs()[-1] == "cut_external"
    assert StreamSession.objects.get().end_reason == "key_changed"
    assert api.asked == [f"GET /control/drop/publisher?app=live&name={room.public_id}&clientid=1"]
    assert tell("publish", room, 2, key=key).status_code == 403


def test_closing_the_room_cuts_at_once_even_when_the_server_does_not_answer(
    tell: Tell, room: Room, key: str, api: Api, operator: User
) -> None:
    tell("publish", room, key=key)
    api.status = 500
    stage.ban_room(room=room, by=operator, reason="假货")
    assert run_jobs()[-1] == "follow_external"
    assert StreamSession.objects.get().end_reason == "room_banned"
    api.status, api.asked = 200, []
    api.carries((room.public_id, "1"))
    publishing.look()  # it is still there: asked again
    assert api.asked == ["GET /stat", f"GET /control/drop/publisher?app=live&name={room.public_id}&clientid=1"]


def test_rehearsal_goes_on_air_with_the_show_and_ends_with_it(tell: Tell, anchor: User) -> None:
    room = cast.make_room(anchor, live=False, slug="later")
    cast.make_shelf_item(room)
    Show.objects.create(room=room, title="晚场", state=ShowState.UPCOMING, planned_at=timezone.now() + timedelta(hours=3))
    tell("publish", room, key=keys.make(room=room, by=anchor))
    run_jobs()
    assert open_one(room).show is None
    Show.objects.update(planned_at=timezone.now() + timedelta(minutes=5))
    publishing.follow(room.pk)
    assert open_one(room).show is None, "a rehearsal begins no show"
    stage.go_live(room=room, by=anchor)
    assert "follow_external" in run_jobs()
    assert open_one(room).show == room.shows.get()
    stage.end_show(room=room, by=anchor)
    run_jobs()
    assert StreamSession.objects.get().end_reason == "show_ended"


def test_the_look_measures_streams_and_finds_those_that_are_gone(tell: Tell, room: Room, key: str, api: Api) -> None:
    tell("publish", room, key=key)
    api.carries((room.public_id, "1"))
    assert publishing.look() == 1
    session = open_one(room)
    assert (session.width, session.bitrate_kbps, session.has_sound) == (640, 812, True)
    assert MediaServer.objects.get().streams == 1
    api.carries()
    publishing.look()
    assert open_one(room), "a stream this young need not be in the list yet"
    StreamSession.objects.update(started_at=timezone.now() - 2 * publishing.SETTLING)
    publishing.look()
    assert StreamSession.objects.get().end_reason == "lost"
    assert state_of(room) == ShowState.INTERRUPTED


def test_streams_left_open_end_when_the_site_carries_its_video_itself_again(tell: Tell, room: Room, key: str, settings: Any) -> None:
    tell("publish", room, key=key)
    settings.VIDEO_TIER = "embedded"
    assert tasks.look(0) == 1
    assert StreamSession.objects.get().end_reason == "process_gone"
    assert state_of(room) == ShowState.INTERRUPTED
    assert tasks.look(0) == 0


@pytest.mark.parametrize(
    ("figures", "why"),
    [({"codec": "H265"}, "codec:H265"), ({"width": 3840}, "too_large:3840×360"), ({}, "")],
)
def test_what_viewers_could_not_play_is_cut(figures: dict[str, Any], why: str, tell: Tell, room: Room, key: str, api: Api) -> None:
    tell("publish", room, key=key)
    api.carries((room.public_id, "1"), **figures)
    publishing.look()
    assert StreamSession.objects.get().end_reason == why
    assert any("drop" in one for one in api.asked) is bool(why)


def test_a_stream_that_came_while_the_site_was_away_is_sent_through_the_door(room: Room, key: str, api: Api) -> None:
    api.carries((room.public_id, "5"))
    publishing.look()
    assert api.asked[-1] == f"GET /control/drop/publisher?app=live&name={room.public_id}&clientid=5"


def test_operators_see_that_the_server_is_away(tell: Tell, room: Room, key: str, api: Api, rf: Any) -> None:
    tell("publish", room, key=key)
    request = rf.get("/")
    request.user, request.device = room.anchor, ""
    publishing.look()
    assert desk.panel(enter(request, room.slug))["address"] == "rtmp://video.example/live"
    api.status = 502
    publishing.look()
    panel = desk.panel(enter(request, room.slug))
    assert (panel["address"], panel["server"].problem) == ("", "HTTP 502")
    assert open_one(room), "the stream may be well all the same"
    StreamSession.objects.update(seen_at=timezone.now() - timedelta(seconds=60))
    publishing.look()
    assert StreamSession.objects.get().end_reason == "process_gone"


def test_srs_reads_its_answer_as_json(api: Api, settings: Any, client: Client, room: Room, key: str) -> None:
    settings.EXTERNAL_SERVER = "srs"
    call = {
        "action": "on_publish",
        "client_id": "9308h583",
        "ip": "192.0.2.1",
        "app": "live",
        "stream": room.public_id,
        "param": f"?key={key}",
    }
    answer = client.post(f"/internal/media/srs?secret={HOOK}", json.dumps(call), content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, {"code": 0})
    wrong = client.post(f"/internal/media/srs?secret={HOOK}", json.dumps(call | {"param": ""}), content_type="application/json")
    assert (wrong.status_code, wrong.json()) == (403, {"code": 403})
    assert open_one(room).client == "9308h583"


def test_mediamtx_reads_the_status(api: Api, settings: Any, client: Client, room: Room, key: str) -> None:
    settings.EXTERNAL_SERVER = "mediamtx"
    call = {
        "action": "publish",
        "path": f"live/{room.public_id}",
        "protocol": "rtmp",
        "id": "0b3f",
        "ip": "192.0.2.1",
        "query": f"key={key}",
    }
    address = f"/internal/media/mediamtx?secret={HOOK}"
    assert client.post(address, json.dumps(call), content_type="application/json").status_code == 200
    assert client.post(address, json.dumps(call | {"action": "read"}), content_type="application/json").status_code == 403
    assert client.post(address, json.dumps(call | {"query": ""}), content_type="application/json").status_code == 403
    gone = {"action": "unpublish", "path": f"live/{room.public_id}", "id": "0b3f"}
    assert client.post(address, json.dumps(gone), content_type="application/json").status_code == 200
    assert state_of(room) == ShowState.INTERRUPTED


def run_jobs() -> list[str]:
    """The jobs that wait and are due, done here; their names."""
    done = []
    for job in ProcrastinateJob.objects.filter(status="todo", scheduled_at=None, task_name__startswith="rooms.video").order_by("pk"):
        name = job.task_name.rpartition(".")[2]
        getattr(tasks, name)(**job.args)
        done.append(name)
    with connection.cursor() as cursor:  # the model is for reading
        cursor.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
    return done
