"""The demo's film: drawn from the shelf's own pictures, streamed by the same door as any encoder, and out of a person's way."""

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from django.conf import settings

from accounts.models import User
from catalog.models import Shop
from demo import film, stages, streaming
from demo.seeding import CONTENT, content
from rooms import stage
from rooms.models import MediaServer, Room, ShowState, StreamKey
from rooms.video import keys, sessions


def test_the_film_moves_has_keyframes_each_second_and_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "SCENE_S", 2)
    target = tmp_path / "film.mp4"
    film.make(str(target), [str(settings.BASE_DIR / "static" / "img" / "goods" / "1f34e.webp")])
    with av.open(str(target)) as file:
        keyframes = [packet.is_keyframe for packet in file.demux(file.streams.video[0]) if packet.size]
        assert (len(keyframes), sum(keyframes)) == (40, 2)
    with av.open(str(target)) as file:
        pictures = [bytes(frame.planes[0]) for frame in file.decode(video=0)]
        assert len(set(pictures)) > 35
    with av.open(str(target)) as file:
        assert max(max(memoryview(frame.planes[0]).cast("B").cast("f")) for frame in file.decode(audio=0)) > 0.01


@pytest.mark.django_db(transaction=True)
def test_it_steps_back_for_whoever_streams(room: Room, settings: Any, tmp_path: Path) -> None:
    settings.HOME, settings.RTMP_BIND = tmp_path, "0.0.0.0"
    assert streaming._address(room.slug) == "", "no media process"
    MediaServer.objects.create(name="m", rtmp_port=1940)
    address = streaming._address(room.slug)
    assert address.startswith("rtmp://127.0.0.1:1940/live/")
    assert keys.room_of(address.rsplit("/", 1)[1]) == room
    assert streaming._address(room.slug) == address, "the same key after a restart"
    session = sessions.open_session(room=room, source="camera")
    assert streaming._address(room.slug) == "", "somebody streams"
    sessions.close_session(session=session, reason="camera_closed")
    assert streaming._address(room.slug) == address
    own = keys.make(room=room, by=room.anchor)
    assert streaming._address(room.slug) == "", "the anchor has an encoder of her own"
    assert keys.room_of(own) == room
    assert StreamKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_site_that_was_stopped_goes_on_air_again(room: Room) -> None:
    entry = {"state": "live", "title": "现摘红富士，今晚开园"}
    stage.interrupt(room=room)
    stages.show(room, entry)
    assert room.shows.get().state == ShowState.LIVE
    stage.interrupt(room=room)
    stage.end_show(room=room, by=None, reason="stream lost")
    stages.show(room, entry)
    assert list(room.shows.order_by("pk").values_list("state", flat=True)) == [ShowState.ENDED, ShowState.LIVE]


@pytest.mark.django_db
def test_footage_of_others_joins_at_once_and_is_named() -> None:
    """CC BY asks for the name beside the picture and in the product's notices."""
    [entry] = [anchor for anchor in content("people")["anchors"] if "footage" in anchor]
    with av.open(str(CONTENT / entry["footage"]["file"])) as file:
        keyframes = [
            float(packet.pts * packet.time_base) for packet in file.demux(file.streams.video[0]) if packet.is_keyframe and packet.size
        ]
        assert file.streams.audio[0].layout.name == "stereo"
    assert keyframes == pytest.approx(range(6))
    assert entry["footage"]["file"] in (settings.BASE_DIR / "NOTICE").read_text(encoding="utf-8")
    owner = User.objects.create(username=entry["username"], is_anchor=True)
    made = stages.room(owner, Shop(owner=owner, name=entry["shop"], ships_from=entry["ships_from"]), entry)
    assert "Big Buck Bunny © Blender Foundation，CC BY 3.0" in made.notice


def test_footage_goes_round_without_a_break(tmp_path: Path) -> None:
    """Its sound begins before zero: what comes round must not step back in time, or the encoder is cut."""
    entry = next(anchor for anchor in content("people")["anchors"] if "footage" in anchor)
    stop, target = threading.Event(), tmp_path / "pushed.flv"
    threading.Timer(7, stop.set).start()
    with pytest.raises(film.Cut):
        film.push(str(target), CONTENT / entry["footage"]["file"], stop)
    with av.open(str(target)) as pushed:
        for track in pushed.streams.video[0], pushed.streams.audio[0]:
            pushed.seek(0)
            at = [float(packet.dts * packet.time_base) for packet in pushed.demux(track) if packet.dts is not None]
            steps = [after - before for before, after in pairwise(at)]
            assert at[-1] > 6
            assert min(steps) > 0
            assert max(steps) < 0.1
