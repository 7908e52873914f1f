"""The small picture beside goods and orders: for shows with a stream alone, and for nobody who may not watch."""

import pytest
from django.test import Client

from rooms.models import Room, Show, StreamSession
from rooms.realtime import tickets

pytestmark = pytest.mark.django_db


def stream(room: Room) -> StreamSession:
    return StreamSession.objects.create(room=room, show=room.shows.get(), source="rtmp")


def test_a_show_with_a_stream_has_a_small_picture_with_its_own_ticket(client: Client, room: Room) -> None:
    stream(room)
    answer = client.get("/live/axia/corner")
    assert answer.status_code == 200
    ticket = answer.content.decode().split('data-ticket="')[1].split('"')[0]
    assert tickets.read(ticket, room.public_id).is_counted
    assert 'href="/live/axia"' in answer.content.decode()


def test_without_a_stream_or_in_a_closed_room_there_is_none(client: Client, room: Room) -> None:
    assert client.get("/live/axia/corner").status_code == 204
    stream(room)
    Room.objects.filter(pk=room.pk).update(is_banned=True)
    assert client.get("/live/axia/corner").status_code in (204, 403)
    assert client.get("/live/nowhere/corner").status_code == 404


@pytest.mark.parametrize("is_demo", [True, False])
def test_the_stage_names_the_recording_of_shows_that_are_recorded(client: Client, room: Room, is_demo: bool) -> None:
    Show.objects.filter(room=room).update(is_demo=is_demo)
    stream(room)
    assert ("data-film=" in client.get("/live/axia").content.decode()) is not is_demo
