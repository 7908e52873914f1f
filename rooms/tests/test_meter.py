"""Hot numbers: two processes never count one thing twice, and what the database did not take is told again."""

import asyncio
import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection

from rooms import presence, stage
from rooms.models import ChatLine, Room, Show, ShowMinute, ShowViewer
from rooms.realtime import meter
from rooms.realtime.meter import Meter

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = [f"d:{number}" for number in range(40)]


@pytest.fixture
def show(room: Room) -> Show:
    return stage.current_show(room)


def test_two_processes_that_write_at_once_count_each_line_and_person_once(room: Room, show: Show) -> None:
    ChatLine.objects.bulk_create(ChatLine(room=room, show=show, text=str(number)) for number in range(50))
    barrier = threading.Barrier(4)

    def write() -> None:
        barrier.wait()
        meter.write_figures(room.pk, PEOPLE, {}, likes=1, online=40)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    show.refresh_from_db()
    assert (show.chat_count, show.viewer_count, show.view_count, show.peak_online) == (50, 40, 160, 40)
    assert ShowViewer.objects.filter(show=show).count() == 40
    minutes = ShowMinute.objects.filter(show=show)
    assert (sum(row.chats for row in minutes), sum(row.joins for row in minutes), sum(row.likes for row in minutes)) == (50, 160, 4)


def test_who_came_is_told_again_when_the_database_did_not_take_it(room: Room, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    presence.enter(room.pk, "d:early", "tv")
    ours = Meter()
    ours._minute_likes[room.pk] = 7
    with monkeypatch.context() as patched:
        patched.setattr(meter, "write_figures", away)
        with pytest.raises(DatabaseError):
            ours._write(room.pk)
    presence.enter(room.pk, "d:late")
    ours._write(room.pk)
    show.refresh_from_db()
    assert (show.view_count, show.viewer_count) == (2, 2)
    assert dict(ShowViewer.objects.values_list("person", "channel")) == {"d:early": "tv", "d:late": ""}
    assert ShowMinute.objects.get(show=show).likes == 7


def test_likes_wait_for_the_database(room: Room, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Meter()
    ours.like(room.pk, "u:one", 5)
    ours.like(room.pk + 1, "u:one", 2)
    with monkeypatch.context() as patched:
        patched.setattr(meter, "add_likes", away)
        with pytest.raises(DatabaseError):
            asyncio.run(ours._tell_likes())
    ours.like(room.pk, "u:two", 3)
    assert dict(ours.likes) == {room.pk: 8, room.pk + 1: 2}
    told: list[Any] = []
    monkeypatch.setattr(meter, "publish", lambda room_id, numbers: told.append((room_id, numbers["likes"])))
    asyncio.run(ours._tell_likes())
    room.refresh_from_db()
    show.refresh_from_db()
    assert (room.like_total, show.like_count) == (8, 8)
    assert (room.pk, 8) in told
    assert not ours.likes


def away(*arguments: Any, **named: Any) -> None:
    raise DatabaseError("away")


def test_who_waits_in_the_room_enters_the_show_that_begins(room: Room, show: Show) -> None:
    ours = Meter()
    presence.enter(room.pk, "d:one")
    presence.enter(room.pk, "d:two")
    for _ in range(2):
        ours._write(room.pk)
    stage.end_show(room=room, by=room.anchor)
    ours._write(room.pk)
    begun = stage.go_live(room=room, by=room.anchor)
    presence.enter(room.pk, "d:three")
    for _ in range(2):
        ours._write(room.pk)
    stage.interrupt(room=room)
    stage.resume(room=room)
    ours._write(room.pk)
    for one, people in ((show, 2), (begun, 3)):
        one.refresh_from_db()
        assert (one.view_count, one.viewer_count) == (people, people)


def test_who_comes_over_from_another_process_is_no_second_visit(room: Room, show: Show) -> None:
    presence.enter(room.pk, "d:one")
    Meter()._write(room.pk)
    Meter()._write(room.pk)  # begins to count where she is known to have been
    show.refresh_from_db()
    assert show.view_count == 1
