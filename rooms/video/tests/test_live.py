"""From a real encoder through the media process to viewers: keys, the show's life, relay, HLS, takeover, kills."""

import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from rooms import stage
from rooms.models import Recording, Room, RoomEvent, Show, ShowState, StreamSession
from rooms.video import addresses, keys, recording
from rooms.video.chunks import Message, chunked
from rooms.video.reasons import plain
from rooms.video.tests import encoder
from rooms.video.tests.conftest import Media, Push, at_site, get, soon
from rooms.video.tests.encoder import Source
from rooms.video.tests.test_rtmp import opening
from tests import cast
from tests.browser.site import Site
from tests.sockets.conftest import make_ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.faults]  # alone: encoders run in real time
Pushes = Callable[..., Push]


def state_of(room: Room) -> int:
    return Show.objects.filter(room=room).latest("pk").state


def test_a_wrong_key_is_refused_and_disturbs_nobody(media: Media, push: Pushes, room: Room) -> None:
    refused = push(room, key="x" * 43)
    refused.join(10)
    assert refused.error is not None
    assert not StreamSession.objects.exists()
    assert "publish_refused" in media.output()
    assert "xxxxxxxx" not in media.output()


def test_a_stream_reaches_viewers_and_disk(media: Media, push: Pushes, room: Room) -> None:
    before = media.watch(room)
    push(room)
    before.until(lambda screen: screen.state() == "air")
    late = media.watch(room).until(lambda screen: len(screen.packets) > 8)
    assert late.packets[0].mime == 'video/mp4; codecs="avc1.42c00c,mp4a.40.2"'
    assert late.packets[1].is_key
    assert abs(late.packets[-1].wall_ms / 1000 - time.time()) < 1
    pictures, _, sound = late.play()
    assert pictures == 3 * (len(late.packets) - 1)
    assert sound > 0
    session = soon(lambda: StreamSession.objects.filter(width=320, bitrate_kbps__gt=0).first(), 6)
    assert (session.height, session.has_sound, session.room_id) == (180, True, room.pk)
    assert session.keyframe_ms == pytest.approx(1000, abs=5)
    assert session.frame_rate == pytest.approx(15, abs=3)
    assert session.show == room.shows.get()
    [file] = media.files()
    assert encoder.decoded(file.read_bytes())[0] > 5
    assert RoomEvent.objects.filter(room=room, kind="video_started").count() == 1


def test_the_site_relays_to_its_own_address(media: Media, site: Site, push: Pushes, room: Room) -> None:
    early = at_site(site, room)
    push(room)
    early.until(lambda screen: len(screen.packets) > 12)
    assert early.play()[0] >= 30
    late = at_site(site, room).until(lambda screen: len(screen.packets) > 3)
    assert late.packets[0].mime
    assert late.packets[1].is_key
    outsider = at_site(site, cast.make_room())
    assert outsider.until(lambda screen: bool(screen.messages), 5).state() == "off"
    with pytest.raises(TimeoutError):
        outsider.until(lambda screen: bool(screen.packets), 1)


def test_a_ticket_of_another_room_opens_nothing(media: Media, site: Site, push: Pushes, room: Room) -> None:
    push(room)
    other = cast.make_room()
    url = f"{site.url.replace('http', 'ws', 1)}{addresses.live_path(room.public_id)}?ticket={make_ticket(other)}"
    with connect(url) as wire, pytest.raises(ConnectionClosed) as closed:
        wire.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4001


def test_hls_plays_what_the_websocket_plays(media: Media, site: Site, push: Pushes, room: Room) -> None:
    push(room)
    playlist_url = site.url + addresses.hls_path(room.public_id)
    text = soon(lambda: get(playlist_url)[1].decode() if get(playlist_url)[1].count(b"#EXTINF") >= 3 else "", 15)
    base = playlist_url.rsplit("/", 1)[0]
    lines = text.splitlines()
    init = next(line.split('"')[1] for line in lines if line.startswith("#EXT-X-MAP"))
    segments = [line for line in lines if line.endswith(".m4s")]
    data = b"".join(get(f"{base}/{name}")[1] for name in [init, *segments])
    assert encoder.decoded(data)[0] == 15 * len(segments)
    assert get(playlist_url.replace("index", "other"))[0] == 404
    until, mark = base.rsplit("/", 1)[1].split(".")
    assert get(f"{site.url}{settings.MEDIA_PATH}{room.public_id}/{int(until) + 3600}.{mark}/index.m3u8")[0] == 403
    assert get(f"{site.url}{addresses.hls_path(cast.make_room().public_id)}")[0] == 404


def test_a_lost_stream_interrupts_the_show_and_its_return_resumes_it(media: Media, push: Pushes, room: Room) -> None:
    first = push(room)
    screen = media.watch(room).until(lambda one: one.state() == "air")
    first.stop()
    screen.until(lambda one: one.state() == "off")
    assert soon(lambda: state_of(room) == ShowState.INTERRUPTED)
    last_end = screen.packets[-1].start_ms + screen.packets[-1].duration_ms
    seen = len(screen.packets)
    push(room)
    screen.until(lambda one: len(one.packets) > seen + 3)
    again = screen.packets[seen:]
    assert again[0].mime
    assert again[0].epoch == screen.packets[0].epoch + 1
    assert again[1].start_ms == pytest.approx(last_end, abs=120)
    assert soon(lambda: state_of(room) == ShowState.LIVE)
    assert room.shows.count() == 1
    assert StreamSession.objects.filter(show=room.shows.get()).count() == 2


def test_the_newest_publisher_wins_and_the_older_ones_end_changes_nothing(media: Media, push: Pushes, room: Room) -> None:
    key = keys.make(room=room, by=room.anchor)
    older = push(room, key=key)
    screen = media.watch(room).until(lambda one: one.state() == "air")
    push(room, key=key, source=Source(seconds=60, width=640, height=360))
    screen.until(lambda one: any(packet.epoch == 2 for packet in one.packets))
    older.join(10)
    assert older.error is not None
    screen.until(lambda one: sum(packet.epoch == 2 for packet in one.packets) > 4)
    assert state_of(room) == ShowState.LIVE
    assert not RoomEvent.objects.filter(kind="show_interrupted").exists()
    assert StreamSession.objects.get(ended_at=None).width in (0, 640)
    assert StreamSession.objects.exclude(ended_at=None).get().end_reason == "taken_over"


def test_a_new_key_cuts_who_streams_with_the_old_one(media: Media, push: Pushes, room: Room) -> None:
    key = keys.make(room=room, by=room.anchor)
    running = push(room, key=key)
    soon(lambda: StreamSession.objects.filter(show=room.shows.get()).exists())
    keys.make(room=room, by=room.anchor)
    running.join(10)
    assert running.error is not None
    assert soon(lambda: StreamSession.objects.get().end_reason) == "key_changed"
    again = push(room, key=key)
    again.join(10)
    assert again.error is not None
    assert StreamSession.objects.count() == 1


def test_the_operators_cut_ends_the_stream_and_keeps_it_out(media: Media, push: Pushes, room: Room) -> None:
    key = keys.make(room=room, by=room.anchor)
    running = push(room, key=key)
    screen = media.watch(room).until(lambda one: one.state() == "air")
    operator = cast.make_user("运营", is_staff=True, is_superuser=True)
    stage.ban_room(room=room, by=operator, reason="假货")
    screen.until(lambda one: one.state() == "off", 5)
    running.join(10)
    assert running.error is not None
    again = push(room, key=key)
    again.join(10)
    assert again.error is not None
    assert StreamSession.objects.get().end_reason == "room_banned"


def test_before_the_show_only_operators_see_the_stream(media: Media, push: Pushes, anchor: object) -> None:
    room = cast.make_room(live=False)
    cast.make_shelf_item(room)
    push(room)
    studio = media.watch(room, user=room.anchor, staff=True).until(lambda one: len(one.packets) > 3)
    assert studio.state() == "rehearsal"
    viewer = media.watch(room).until(lambda one: bool(one.messages))
    assert (viewer.state(), viewer.packets) == ("off", [])
    assert media.files() == []
    stage.go_live(room=room, by=room.anchor)
    viewer.until(lambda one: len(one.packets) > 3)
    assert viewer.messages[-1]["state"] == "air"
    assert soon(media.files)


def test_a_show_that_is_due_begins_with_its_stream(media: Media, push: Pushes) -> None:
    room = cast.make_room(live=False)
    cast.make_shelf_item(room)
    show = Show.objects.create(room=room, title="今晚专场", state=ShowState.UPCOMING, planned_at=timezone.now() + timedelta(minutes=5))
    push(room)
    assert soon(lambda: state_of(room) == ShowState.LIVE)
    show.refresh_from_db()
    assert soon(lambda: StreamSession.objects.get().show_id == show.pk)


@pytest.mark.parametrize("minutes", [60 * 24, 5])
def test_a_show_of_another_day_or_without_goods_does_not_begin(media: Media, push: Pushes, minutes: int) -> None:
    room = cast.make_room(live=False)
    if minutes > 5:
        cast.make_shelf_item(room)
    planned = timezone.now() + timedelta(minutes=minutes)
    Show.objects.create(room=room, title="专场", state=ShowState.UPCOMING, planned_at=planned)
    push(room)
    media.watch(room, user=room.anchor, staff=True).until(lambda one: len(one.packets) > 5)
    assert state_of(room) == ShowState.UPCOMING


def test_the_end_of_the_show_ends_stream_and_recording(media: Media, push: Pushes, room: Room) -> None:
    running = push(room)
    media.watch(room).until(lambda one: len(one.packets) > 10)
    stage.end_show(room=room, by=room.anchor)
    running.join(10)
    row = soon(lambda: Recording.objects.exclude(ended_at=None).first())
    assert row.duration_ms >= 2000
    assert row.size == media.files()[0].stat().st_size
    assert state_of(room) == ShowState.ENDED
    assert StreamSession.objects.get().end_reason == "show_ended"


def test_a_killed_media_process_loses_one_part_at_most(media: Media, site: Site, push: Pushes, room: Room) -> None:
    key = keys.make(room=room, by=room.anchor)
    push(room, key=key)
    screen = at_site(site, room).until(lambda one: len(one.packets) > 15)
    media.kill()
    screen.until(lambda one: one.state() == "off", 5)
    seen = [packet for packet in screen.packets if packet.kind == 1]
    index = recording.read(media.files()[0])
    assert index.entries[-1].end_ms >= seen[-1].start_ms - 1
    assert encoder.decoded(media.files()[0].read_bytes()[: index.size])[0] == 3 * len(index.entries)
    media.start()
    assert state_of(room) == ShowState.INTERRUPTED
    row = Recording.objects.get()
    assert row.ended_at is not None
    assert row.duration_ms == index.duration_ms
    assert StreamSession.objects.get().end_reason == "process_gone"
    push(room, key=key)
    screen.until(lambda one: one.state() == "air", 10)
    assert soon(lambda: state_of(room) == ShowState.LIVE)


def test_noise_and_idlers_leave_the_others_alone(media: Media, push: Pushes, room: Room) -> None:
    push(room)
    screen = media.watch(room).until(lambda one: one.state() == "air")
    lines = []
    for _ in range(10):
        line = socket.create_connection(("127.0.0.1", media.rtmp_port))
        line.sendall(b"\x03" + os.urandom(9000))
        lines.append(line)
    idle = socket.create_connection(("127.0.0.1", media.rtmp_port))
    seen = len(screen.packets)
    screen.until(lambda one: len(one.packets) > seen + 60, 20)
    assert all(line.recv(10_000) is not None for line in lines)
    idle.settimeout(5)
    assert idle.recv(10) == b""  # let go after ten seconds
    assert media.process is not None
    assert media.process.poll() is None


def test_a_running_show_can_be_watched_from_its_beginning(media: Media, push: Pushes, room: Room, client: Client, settings: Any) -> None:
    settings.RECORDINGS_ROOT = media.folder / "recordings"
    push(room)
    media.watch(room).until(lambda one: len(one.packets) > 12)
    show = room.shows.get()
    address = reverse("replay", args=[room.slug, show.public_id])
    assert address in client.get(reverse("room", args=[room.slug])).content.decode()
    table = reverse("replay_film", args=[room.slug, show.public_id])
    first = soon(lambda: client.get(table).json())
    assert first["duration"] >= 1500
    assert soon(lambda: client.get(table).json()["duration"] > first["duration"])
    assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("body", "why"),
    [(b"\x90hvc1" + bytes(20), "codec:HEVC"), (b"\x17\x00\x00\x00\x00" + bytes(20), "damaged"), (b"\x12" + bytes(20), "codec:H.263")],
)
def test_what_viewers_could_not_play_is_cut_with_its_reason(media: Media, room: Room, body: bytes, why: str) -> None:
    key = keys.make(room=room, by=room.anchor)
    line = socket.create_connection(("127.0.0.1", media.rtmp_port))
    line.settimeout(5)
    line.sendall(opening(key=key))
    heard = b""
    while b"NetStream.Publish.Start" not in heard:
        heard += line.recv(65536)
    line.sendall(chunked(Message(9, 0, 1, body), chunk_stream=6))
    while piece := line.recv(65536):
        heard += piece
    assert plain(why).encode() in heard
    assert soon(lambda: StreamSession.objects.get().end_reason) == why
    assert state_of(room) == ShowState.LIVE, "the show had no video and goes on without"
