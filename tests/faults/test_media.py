"""What encoders and browsers should not send, and a kill: the media process stays up, the anchor reads why, and another room's stream keeps its pace."""

import contextlib
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import unix_connect

from rooms import stage
from rooms.models import Recording, Room, ShowState, StreamSession
from rooms.realtime import recovery
from rooms.video import addresses, cameras, keys, recording, sessions
from rooms.video.chunks import Message, chunked
from rooms.video.reasons import plain, sentence
from rooms.video.tests import encoder
from rooms.video.tests.conftest import Media, Push, Screen, soon
from rooms.video.tests.encoder import Source
from rooms.video.tests.test_converter import VP8, WEBM_H264, record
from rooms.video.tests.test_fuzz import mutant
from rooms.video.tests.test_rtmp import opening
from tests import cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]
Pushes = Callable[..., Push]
Bad = Callable[[Media, Room], str]  # does it; returns the reason the anchor should read, or nothing where no room is known
RIGHT_BACK = "主播马上回来"
GAP_S = 1.5  # parts come every fifth of a second


class Neighbour:
    """A viewer of another room, who notes when each part came."""

    def __init__(self, screen: Screen) -> None:
        self.screen, self.came, self.error = screen, [time.monotonic()], ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        try:
            while not self._over.is_set():
                seen = len(self.screen.packets)
                self.screen.take(10)
                if len(self.screen.packets) > seen:
                    self.came.append(time.monotonic())
        except (TimeoutError, ConnectionClosed) as error:
            self.error = type(error).__name__

    def require_pace(self) -> None:
        """It looked on all the while and no gap was seen: neither between parts as they came, nor on the stream's own clock."""
        more = len(self.came) + 5
        soon(lambda: len(self.came) > more or self.error)
        self._over.set()
        self._thread.join(10)
        assert not self.error
        assert max(later - one for one, later in zip(self.came, self.came[1:], strict=False)) < GAP_S
        own = [packet for packet in self.screen.packets if packet.kind == 1]
        holes = [later.start_ms - one.start_ms - one.duration_ms for one, later in zip(own, own[1:], strict=False)]
        assert max(map(abs, holes)) < 2, "a part is missing"


def line_of(media: Media) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", media.rtmp_port))
    line.settimeout(15)
    return line


def publishing(media: Media, room: Room) -> socket.socket:
    """A line on which this room's stream was let in."""
    line, heard = line_of(media), b""
    line.sendall(opening(key=keys.make(room=room, by=room.anchor)))
    while b"NetStream.Publish.Start" not in heard:
        heard += line.recv(65_536)
    return line


def answer(line: socket.socket) -> bytes:
    """All that comes until the server closes."""
    heard = b""
    with contextlib.suppress(ConnectionError):
        while piece := line.recv(65_536):
            heard += piece
    line.close()
    return heard


def say(line: socket.socket, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # it may be cut in the middle
        line.sendall(data)


def pictures(body: bytes) -> bytes:
    return chunked(Message(9, 0, 1, body), chunk_stream=6)


def cut_with(media: Media, room: Room, data: bytes, why: str) -> str:
    line = publishing(media, room)
    say(line, data)
    assert plain(why).encode() in answer(line) or len(data) > 1 << 20, "a flood's end may be a reset"
    return why


def wrong_key(media: Media, room: Room) -> str:
    line = line_of(media)
    say(line, opening(key="x" * 43))
    assert b"NetStream.Publish.BadName" in answer(line)
    return ""


def hevc(media: Media, room: Room) -> str:
    return cut_with(media, room, pictures(b"\x90hvc1" + bytes(20)), "codec:HEVC")


def large(media: Media, room: Room) -> str:
    head = next(body for is_video, _, body in encoder.tags(encoder.flv(Source(seconds=0.2, width=2560, height=1440))) if is_video)
    return cut_with(media, room, pictures(head), "too_large:2560×1440")


def damaged(media: Media, room: Room) -> str:
    return cut_with(media, room, pictures(b"\x17\x00\x00\x00\x00" + bytes(20)), "damaged")


def shredded(media: Media, room: Room) -> str:
    return cut_with(media, room, pictures(b"\x17\x01\0\0\0" + b"\0\0\0\1\x65" * 150_000), "damaged")


def garbage(media: Media, room: Room) -> str:
    line = line_of(media)
    say(line, random.Random(3).randbytes(20_000))
    answer(line)
    return cut_with(media, room, b"\xff" * 4000, "protocol")


def oversized(media: Media, room: Room) -> str:
    whole = b"\x06\0\0\0\xff\xff\xff\x09\1\0\0\0" + bytes(1000)  # announces 16 MB
    return cut_with(media, room, whole, "protocol")


def tiny(media: Media, room: Room) -> str:
    return cut_with(media, room, pictures(b"") + b"\xc6" * 600_000, "protocol")


def flood(media: Media, room: Room) -> str:
    head = next(body for is_video, _, body in encoder.tags(encoder.flv()) if is_video)
    big = pictures(b"\x27\x01\0\0\0" + struct.pack(">I", 3_000_000) + b"\x41" + bytes(2_999_999))
    began = time.monotonic()
    why = cut_with(media, room, pictures(head) + big * 12, "too_fast:8")
    assert time.monotonic() - began < 6, "not only when the figures of ten seconds are looked at"
    return why


def no_keyframes(media: Media, room: Room) -> str:
    """Pictures, none of which can be begun with."""
    tags = [(stamp, body) for is_video, stamp, body in encoder.tags(encoder.flv()) if is_video]
    delta = next(body for _, body in tags if body[0] >> 4 == 2 and body[1] == 1)
    line = publishing(media, room)
    say(line, pictures(tags[0][1]))
    until = time.monotonic() + 16
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        for number in range(160):
            line.sendall(chunked(Message(9, number * 100, 1, delta), chunk_stream=6))
            time.sleep(0.1)
            if time.monotonic() > until or StreamSession.objects.filter(room=room, ended_at__isnull=False).exists():
                break
    assert plain("no_keyframe").encode() in answer(line)
    return "no_keyframe"


def one_keyframe(media: Media, room: Room) -> str:
    """One picture to begin with, and then none for as long as it goes on."""
    tags = [(stamp, body) for is_video, stamp, body in encoder.tags(encoder.flv()) if is_video]
    delta = next(body for _, body in tags if body[0] >> 4 == 2 and body[1] == 1)
    line = publishing(media, room)
    say(line, pictures(tags[0][1]) + pictures(tags[1][1]))
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        for number in range(1, 260):
            line.sendall(chunked(Message(9, number * 100, 1, delta), chunk_stream=6))
            time.sleep(0.1)
    assert plain("no_keyframe").encode() in answer(line)
    return "no_keyframe"


def crowd(media: Media, room: Room) -> str:
    """More lines than one address may hold."""
    lines = []
    for _ in range(120):
        with contextlib.suppress(OSError):
            lines.append(line_of(media))
    closed = sum(is_closed(line) for line in lines)
    for line in lines:
        line.close()
    assert closed >= 100
    return ""


def is_closed(line: socket.socket) -> bool:
    line.settimeout(0.3)
    try:
        return line.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def slowloris(media: Media, room: Room) -> str:
    """Ten lines that greet with a byte a second: let go after ten seconds."""
    lines = [line_of(media) for _ in range(10)]
    until = time.monotonic() + 16
    while time.monotonic() < until:
        for line in lines:
            say(line, b"\x03")
        time.sleep(1)
    assert all(is_closed(line) for line in lines)
    return ""


def hostile_webm(media: Media, room: Room) -> str:
    return filmed(media, room, b"\x1a\x45\xdf\xa3" + b"\xff" * 50_000, "camera_failed")


def broken_webm(media: Media, room: Room) -> str:
    """A header that can be read, and noise where pictures should be."""
    return filmed(media, room, mutant(record(WEBM_H264, "matroska")[:600], 7, begin=40) + random.Random(7).randbytes(100_000), "no_video")


def huge_webm(media: Media, room: Room) -> str:
    """Pictures that would cost a core to decode."""
    return filmed(media, room, record(replace(VP8, width=2560, height=1440, seconds=0.4), "webm"), "too_large:2560×1440", codecs="vp8,opus")


def filmed(media: Media, room: Room, data: bytes, why: str, codecs: str = "h264,opus") -> str:
    path = f"ws://media/{addresses.camera_path(room.public_id).lstrip('/')}?ticket={cameras.issue(room)}"
    with unix_connect(str(media.socket), path, compression=None) as camera:
        camera.send(json.dumps({"mime": f"video/webm;codecs={codecs}"}))
        camera.send(data)
        with contextlib.suppress(ConnectionClosed):
            told = json.loads(camera.recv(timeout=15))
            assert told["why"]
    return why


@pytest.mark.parametrize(
    "bad",
    [
        wrong_key,
        hevc,
        damaged,
        shredded,
        garbage,
        oversized,
        tiny,
        flood,
        no_keyframes,
        one_keyframe,
        large,
        crowd,
        slowloris,
        hostile_webm,
        broken_webm,
        huge_webm,
    ],
    ids=lambda bad: bad.__name__,
)
def test_bad_input_costs_its_sender_alone(media: Media, push: Pushes, room: Room, bad: Bad, client: Client) -> None:
    good = cast.make_room(cast.make_user("邻居", is_anchor=True), slug="neighbour")
    push(good)
    neighbour = Neighbour(media.watch(good).until(lambda one: len(one.packets) > 3))
    assert media.process
    process = media.process.pid
    why = bad(media, room)
    neighbour.require_pace()
    assert media.process.poll() is None
    assert media.process.pid == process
    assert StreamSession.objects.filter(room=good, ended_at=None).count() == 1
    if why:
        session = soon(lambda: StreamSession.objects.filter(room=room, ended_at__isnull=False).first())
        assert session.end_reason == why
        client.force_login(room.anchor)
        page = client.get(reverse("studio", args=[room.slug]), headers={"accept-language": "zh-hans"}).content.decode()
        with translation.override("zh-hans"):
            assert sentence(why) in page
    assert "stream_broke_the_reader" not in media.output()


def test_a_killed_media_process_is_told_of_while_away_and_the_show_recovers(
    media: Media, push: Pushes, room: Room, client: Client, settings: Any
) -> None:
    settings.RECORDINGS_ROOT, settings.STREAM_SILENCE_S = media.folder / "recordings", 1
    key, show = keys.make(room=room, by=room.anchor), room.shows.get()
    push(room, key=key)
    media.watch(room).until(lambda one: len(one.packets) > 15)
    media.kill()
    file = media.files()[0]
    index = recording.read(file)
    whole = len(index.entries)
    assert whole >= 8
    assert encoder.decoded(file.read_bytes()[: index.size])[0] == 3 * whole, "every part up to the last one plays"

    # It stays away: the worker's job notices, viewers and the anchor read what happened.
    soon(sessions.close_silent)
    show.refresh_from_db()
    assert show.state == ShowState.INTERRUPTED
    with translation.override("zh-hans"):
        away = sentence("process_gone")
    client.force_login(room.anchor)
    assert away in client.get(reverse("studio", args=[room.slug]), headers={"accept-language": "zh-hans"}).content.decode()
    told = recovery.read(room.pk, "zh-hans").panels["stage"]
    assert RIGHT_BACK in told
    assert RIGHT_BACK in Client().get(reverse("room", args=[room.slug])).content.decode()

    # It returns, and her encoder with it: the same show goes on, in a second file.
    media.start()
    push(room, key=key)
    media.watch(room).until(lambda one: one.state() == "air" and len(one.packets) > 8)
    show.refresh_from_db()
    assert show.state == ShowState.LIVE
    assert RIGHT_BACK not in recovery.read(room.pk, "zh-hans").panels["stage"]
    stage.end_show(room=room, by=room.anchor)
    first, second = soon(lambda: rows if len(rows := list(Recording.objects.filter(show=show, ended_at__isnull=False))) == 2 else None)
    assert first.duration_ms == index.duration_ms
    assert second.duration_ms > 0
    film = Client().get(reverse("replay_film", args=[room.slug, show.public_id])).json()
    assert film["duration"] >= first.duration_ms + second.duration_ms - 400
