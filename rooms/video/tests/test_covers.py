"""Covers: of what is on air, of past shows and of clips, drawn once by a bounded process; a poster where there is none."""

import io
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from rooms.models import Recording, Room, Show, ShowState, StreamSession
from rooms.video import addresses, covers, replays
from rooms.video.relay import relay
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def tell_stills(monkeypatch: pytest.MonkeyPatch, picture: bytes) -> None:
    async def still(room: str) -> bytes:
        return picture

    monkeypatch.setattr(relay, "still", still)


def test_a_clips_cover_is_the_keyframe_of_its_pin(show: Show, client: Client) -> None:
    film = replays.film_of(show)
    chapter = replays.chapters(film)[0]
    answer = client.get(reverse("clip_cover", args=[show.room.slug, show.public_id, 1]))
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == ("JPEG", (320, 180))
    [kept] = covers.kept_covers(replays.file_of(film.reels[0].row))
    key = max(
        (entry for entry in film.reels[0].index.entries if entry.is_key and entry.start_ms <= chapter.starts_ms), key=lambda e: e.offset
    )
    assert kept == covers.cover_path(replays.file_of(film.reels[0].row), key.offset)
    assert kept.read_bytes() == answer.content
    # The bright bar stands where it stood in that picture: 8 pixels further with each.
    row = picture.convert("L").crop((0, 90, 320, 91)).tobytes()
    assert row.index(max(row)) == pytest.approx(15 * 8 % (320 - 24), abs=8)


def test_pages_name_their_covers(show: Show, client: Client) -> None:
    for name, arguments in (("replay", []), ("clip", [1])):
        address = reverse(f"{name}_cover", args=[show.room.slug, show.public_id, *arguments])
        page = client.get(reverse(name, args=[show.room.slug, show.public_id, *arguments])).content.decode()
        assert f'<meta property="og:image" content="http://testserver{address}">' in page
        assert f'poster="{address}"' in page
        assert client.get(address).headers["content-type"] == "image/jpeg"
    page = client.get(reverse("room", args=[show.room.slug])).content.decode()
    assert f'content="http://testserver/live/{show.room.slug}/cover.jpg"' in page


def test_a_cover_is_drawn_once_for_all_who_ask(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    film, real, drawn = replays.film_of(show), subprocess.run, []
    monkeypatch.setattr(subprocess, "run", lambda *given, **more: drawn.append(given) or real(*given, **more))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: covers.at_moment(film, 1000), range(8)))
    assert len(set(found)) == len(drawn) == 1
    assert found[0][:2] == b"\xff\xd8"


@pytest.mark.parametrize("damage", ["garbage", "gone"])
def test_what_cannot_be_drawn_shows_the_poster_and_is_not_tried_again(show: Show, client: Client, damage: str) -> None:
    cast.make_shelf_item(show.room)
    film = replays.film_of(show)
    path = replays.file_of(film.reels[0].row)
    key = [entry for entry in film.reels[0].index.entries if entry.is_key][1]
    with path.open("r+b") as file:
        file.seek(key.offset + 8)
        file.write(os.urandom(key.size - 8))
    if damage == "gone":
        path.unlink()
    began = len(covers.kept_covers(path))
    for _ in range(2):
        answer = client.get(reverse("clip_cover", args=[show.room.slug, show.public_id, 1]))
        if damage == "garbage":
            assert (answer.status_code, answer.headers["location"][:1]) == (302, "/")
    assert len(covers.kept_covers(path)) - began == (damage == "garbage")


def test_a_decoder_that_hangs_keeps_nobody(show: Show, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "sleep"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(covers.sys, "executable", str(program))
    monkeypatch.setattr(covers, "PATIENCE_S", 0.3)
    film = replays.film_of(show)
    assert covers.at_moment(film, 1000) == b""
    assert covers.kept_covers(replays.file_of(film.reels[0].row)) == [], "the next may be quicker"


def test_strangers_to_a_show_get_no_cover_of_it(show: Show, client: Client) -> None:
    address = reverse("replay_cover", args=[show.room.slug, show.public_id])
    assert client.get(reverse("clip_cover", args=[show.room.slug, show.public_id, 2])).status_code == 404
    Show.objects.filter(pk=show.pk).update(state=ShowState.UPCOMING)
    assert client.get(address).status_code == 404
    Show.objects.filter(pk=show.pk).update(state=ShowState.ENDED)
    Room.objects.filter(pk=show.room_id).update(is_banned=True)
    assert client.get(address).status_code in (403, 404)
    Room.objects.filter(pk=show.room_id).update(is_banned=False)
    Recording.objects.update(removed_at=show.started_at)
    assert client.get(address).status_code == 404


def test_a_rooms_cover_is_what_is_on_air_else_its_poster(
    room: Room, client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    Room.objects.filter(pk=room.pk).update(cover="media:covers/a.webp")
    address = reverse("room_cover", args=[room.slug])
    tell_stills(monkeypatch, b"\xff\xd8picture")
    answer = client.get(address)
    assert (answer.content, answer.headers["cache-control"]) == (b"\xff\xd8picture", "public, max-age=5")
    settings.VIDEO_TIER = "external"
    assert client.get(address).headers["location"] == "/media/covers/a.webp"
    settings.VIDEO_TIER = "embedded"
    tell_stills(monkeypatch, b"")
    assert client.get(address).headers["location"] == "/media/covers/a.webp"
    tell_stills(monkeypatch, b"\xff\xd8picture")
    Room.objects.filter(pk=room.pk).update(is_banned=True)
    assert client.get(address).headers.get("content-type") != "image/jpeg"
    assert client.get(reverse("room_cover", args=["nobody"])).status_code == 404


def test_the_first_page_marks_the_rooms_that_stream(room: Room, client: Client, settings: Any) -> None:
    cast.make_shelf_item(room)
    silent = cast.make_room(slug="silent")
    StreamSession.objects.create(room=room, show=room.shows.get(), source="encoder")
    page = client.get("/").content.decode()
    assert f'data-still="{addresses.still_path(room.public_id)}"' in page
    assert addresses.still_path(silent.public_id) not in page
    settings.VIDEO_TIER = "external"
    assert "data-still" not in client.get("/").content.decode()
