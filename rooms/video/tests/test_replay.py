"""Replays and clips of real recordings: what is where, for whom, and the bytes."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localtime

from accounts.models import User
from campaigns.models import Deal, DealState, Drop, DropState
from rooms.models import Pin, Recording, Room, Show, ShowState
from rooms.video import replays
from rooms.video.tests import encoder
from rooms.video.tests.conftest import BEGAN, LATER
from tests import cast, scarce

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
    real = replays.recording.Growing.read
    monkeypatch.setattr(replays.recording.Growing, "read", lambda one: reads.append(one.media) or real(one))
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


def deal_of(show: Show, title: str, **fields: object) -> Deal:
    deal = scarce.make_deal(show.room, title=title, **fields)
    Drop.objects.filter(deal=deal).update(show=show)
    return deal


def test_the_deals_of_the_show_are_told_as_over_and_nothing_else(show: Show, client: Client) -> None:
    before = {"starts_at": BEGAN, "ends_at": BEGAN + timedelta(minutes=1)}
    gone = deal_of(show, "一元抢苹果", total=9, state=DealState.ENDED, **before)
    Deal.objects.filter(pk=gone.pk).update(available=0, held=2, sold=7)
    deal_of(show, "一元抢橙子", **before)  # its time is over, the job has not ended it yet
    deal_of(show, "正在抢", total=5)
    undone = deal_of(show, "撤回的福利", is_open=False)
    Drop.objects.filter(deal=undone).update(state=DropState.UNDONE)
    deal_of(cast.make_room().shows.get(), "别家的福利", state=DealState.ENDED, **before)
    Pin.objects.filter(show=show).delete()  # a show that pinned nothing had its deals all the same
    page = client.get(reverse("replay", args=[show.room.slug, show.public_id])).content.decode()
    assert "讲解记录" not in page
    rows = re.findall(r'<li data-deal="(\w+)">(.*?)</li>', page, re.DOTALL)
    assert [row[0] for row in rows] == [gone.public_id, Deal.objects.get(title="一元抢橙子").public_id]
    first, second = (re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", row[1])) for row in rows)
    assert all(told in first for told in ("一元抢苹果", "已结束", "¥ 1", "抢到 9 件")), first
    assert all(told in second for told in ("一元抢橙子", "已结束", "抢到 0 件")), second
    assert "img/blank" in rows[0][1]
    assert 'action="/claims/"' not in page
    for hidden in ("正在抢", "撤回的福利", "别家的福利"):
        assert hidden not in page


def test_the_anchor_keeps_her_recording_from_the_report(show: Show, client: Client, viewer: User, other_anchor: User) -> None:
    report = reverse("studio_report", args=[show.room.slug, show.public_id])
    for outsider in (None, viewer, other_anchor):
        client.logout()
        if outsider:
            client.force_login(outsider)
        answer = client.get(report)
        assert answer.status_code in (302, 401, 403), outsider
        assert b"?download" not in answer.content
    client.force_login(show.room.anchor)
    links = re.findall(r'href="([^"]+\?download)"', client.get(report).content.decode())
    assert len(links) == 2
    for link, row in zip(links, Recording.objects.order_by("began_at"), strict=True):
        answer = client.get(link)
        assert answer.status_code == 200
        assert answer["Content-Disposition"] == f'attachment; filename="{show.room.slug}-{localtime(row.began_at):%Y%m%d-%H%M%S}.mp4"'
        assert "axia-20261120-200" in answer["Content-Disposition"], "at eight in the evening by the anchor's clock"
        content = b"".join(answer)
        assert int(answer["Content-Length"]) == len(content) == row.size
        assert content == replays.file_of(row).read_bytes()
        assert encoder.decoded(content)[0] == 135
