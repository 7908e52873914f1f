"""Replays and clips of real recordings: what is where, for whom, and the bytes."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from rooms.models import Recording, Room, Show, ShowState
from rooms.video import replays
from rooms.video.tests import encoder
from rooms.video.tests.conftest import BEGAN, LATER
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_moments_of_the_show_are_found_in_the_film(show: Show) -> None:
    film = replays.film_of(show)
    assert film.duration_ms == pytest.approx(18_000, abs=40)
    for seconds, wanted in ((-5, 0), (2.3, 2000), (30, 9000), (LATER + 4.3, 13_000), (500, 18_000)):
        assert film.moment(BEGAN + timedelta(seconds=seconds)) == pytest.approx(wanted, abs=60), seconds
    chapters = replays.chapters(film)
    assert [chapter.number for chapter in chapters] == [1, 3], "one second is no clip"
    assert (chapters[0].starts_ms, chapters[0].ends_ms) == (pytest.approx(1200, abs=60), pytest.approx(5200, abs=60))
    assert [line.text for _, line in replays.talk(film)] == ["多少钱", "好吃"]


def test_a_clip_plays_by_itself_and_shows_its_product(show: Show, client: Client) -> None:
    film = replays.film_of(show)
    chapter = replays.chapters(film)[0]
    [piece] = replays.pieces(film, lambda row: "/x", chapter.starts_ms, chapter.ends_ms)
    data = replays.file_of(film.reels[0].row).read_bytes()
    first, last = piece.entries[0], piece.entries[-1]
    pictures, _, sound = encoder.decoded(data[: piece.init_size] + data[first.offset : last.offset + last.size])
    assert (first.start_ms, pictures) == (1000, 63)
    assert sound > 0
    page = client.get(reverse("clip", args=[show.room.slug, show.public_id, 1]))
    assert page.status_code == 200
    assert chapter.pin.item.product.title in page.content.decode()
    text = client.get(reverse("replay_playlist", args=[show.room.slug, show.public_id]) + "?clip=1").content.decode()
    assert text.count("#EXTINF") == 5
    for wrong in ("2", "99", "x"):
        assert client.get(reverse("replay_playlist", args=[show.room.slug, show.public_id]) + f"?clip={wrong}").status_code == 404


def test_the_players_table_covers_every_byte(show: Show, client: Client) -> None:
    told = client.get(reverse("replay_film", args=[show.room.slug, show.public_id])).json()
    assert len(told["files"]) == 2
    end = 0
    for file in told["files"]:
        assert file["mime"].startswith("video/mp4")
        for at, duration, _, _ in file["groups"]:
            assert at == pytest.approx(end, abs=3)
            end = at + duration
        path = Recording.objects.get(public_id=file["url"].split("/")[-1][:-4]).path
        size = replays.file_of(Recording(path=path)).stat().st_size
        assert file["init"] + sum(group[3] for group in file["groups"]) == size


def test_who_looks_back_in_a_running_show_is_told_what_it_added(show: Show, client: Client, tmp_path: Path) -> None:
    address = reverse("replay_film", args=[show.room.slug, show.public_id])
    whole = client.get(address).json()
    later = client.get(address + "?after=9500").json()
    assert later["duration"] == whole["duration"]
    assert [file["url"] for file in later["files"]] == [file["url"] for file in whole["files"]], "their numbers stay"
    assert [len(file["groups"]) for file in later["files"]] == [0, len(whole["files"][1]["groups"])]
    assert client.get(address + "?after=-1").json() == client.get(address + "?after=x").json() == whole


def test_a_recording_that_is_being_written_is_read_once_in_some_seconds(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    monkeypatch.setattr(replays.recording, "read", lambda path: reads.append(path) or replays.Index(mime="", init_size=0))
    moment = 9_000_000_000.0
    monkeypatch.setattr(replays.time, "time", lambda: moment)
    for _ in range(20):
        replays.film_of(show)
    assert len(reads) == 2, "one for each file"
    moment += replays.WRITING_S
    replays.film_of(show)
    assert len(reads) == 4


@pytest.mark.parametrize(
    ("asked", "status", "size", "told"),
    [
        ("bytes=0-99", 206, 100, "bytes 0-99/{size}"),
        ("bytes=100-", 206, None, "bytes 100-{last}/{size}"),
        ("bytes=-50", 206, 50, "bytes {tail}-{last}/{size}"),
        ("bytes=5-2", 416, 0, "bytes */{size}"),
        ("bytes=999999999-", 416, 0, "bytes */{size}"),
        ("bytes=-", 416, 0, "bytes */{size}"),
        ("bytes=-0", 416, 0, "bytes */{size}"),
        ("bytes=0-1,5-9", 200, None, None),
        ("lines=1-2", 200, None, None),
        ("", 200, None, None),
    ],
)
def test_ranges_are_answered_as_http_says(show: Show, client: Client, asked: str, status: int, size: int | None, told: str | None) -> None:
    row = Recording.objects.first()
    assert row is not None
    whole = replays.file_of(row).read_bytes()
    answer = client.get(reverse("recording", args=[row.public_id]), headers={"range": asked} if asked else {})
    content = b"".join(answer) if answer.streaming else answer.content
    assert answer.status_code == status
    if told:
        assert answer["Content-Range"] == told.format(size=len(whole), last=len(whole) - 1, tail=len(whole) - 50)
    if size is not None:
        assert len(content) == size
    elif status == 200:
        assert content == whole


def test_what_the_platform_cut_is_not_shown_again(show: Show, client: Client) -> None:
    row = Recording.objects.first()
    assert row is not None
    addresses = [reverse(name, args=[show.room.slug, show.public_id]) for name in ("replay", "replay_film", "replay_playlist")]
    addresses += [reverse("clip", args=[show.room.slug, show.public_id, 1]), reverse("recording", args=[row.public_id])]
    assert all(client.get(address).status_code == 200 for address in addresses)
    other = cast.make_room()
    assert client.get(reverse("replay", args=[other.slug, show.public_id])).status_code == 404
    Show.objects.filter(pk=show.pk).update(state=ShowState.BANNED)
    assert all(client.get(address).status_code == 404 for address in addresses)
    Show.objects.filter(pk=show.pk).update(state=ShowState.ENDED)
    Room.objects.filter(pk=show.room_id).update(is_banned=True)
    assert all(client.get(address).status_code in (403, 404) for address in addresses)


def test_a_lost_file_costs_its_part_alone(show: Show, client: Client) -> None:
    first, second = Recording.objects.order_by("began_at")
    replays.file_of(first).unlink()
    film = replays.film_of(show)
    assert [reel.row for reel in film.reels] == [second]
    assert client.get(reverse("recording", args=[first.public_id])).status_code == 404
    replays.file_of(second).unlink()
    assert client.get(reverse("replay", args=[show.room.slug, show.public_id])).status_code == 404


def test_the_room_offers_the_replay_after_the_show(show: Show, client: Client) -> None:
    page = client.get(reverse("room", args=[show.room.slug])).content.decode()
    assert reverse("replay", args=[show.room.slug, show.public_id]) in page
    Recording.objects.update(removed_at=BEGAN)
    assert "/shows/" not in client.get(reverse("room", args=[show.room.slug])).content.decode()
