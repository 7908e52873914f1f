"""The second screen: codes that lead to one room each, and visits that carry where they came from."""

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from rooms import presence, screens
from rooms.models import Room, ShowViewer
from rooms.realtime import meter, tickets
from tests import cast


@given(st.sets(st.integers(1, screens.CODES - 1), min_size=2, max_size=40))
def test_codes_are_six_digits_and_no_two_rooms_share_one(numbers: set[int]) -> None:
    codes = {screens.code_of(Room(pk=number)) for number in numbers}
    assert len(codes) == len(numbers)
    assert all(len(code) == 6 and code.isdecimal() for code in codes)


def test_the_room_after_the_millionth_has_no_code() -> None:
    assert screens.code_of(Room(pk=screens.CODES)) == ""


@pytest.mark.django_db
def test_a_code_leads_back_to_its_room_scanned_typed_or_with_a_gap(client: Client, room: Room) -> None:
    other = cast.make_room()
    code = screens.code_of(room)
    assert code != screens.code_of(other)
    for address in (f"/tv/{code}", f"/tv?code={code}", f"/tv?code={code[:3]}+{code[3:]}"):
        assert client.get(address).headers["location"] == "/live/axia?channel=tv"


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345", "<b>"])
def test_a_wrong_code_is_told_and_leads_nowhere(client: Client, room: Room, wrong: str) -> None:
    answer = client.get("/tv", {"code": wrong})
    assert answer.status_code == 404
    assert "没有这个号码" in answer.content.decode()
    assert "<b>" not in answer.content.decode()


@pytest.mark.django_db
def test_the_screen_asks_nobody_to_sign_in_and_has_no_forms_to_tap(client: Client, room: Room) -> None:
    page = client.get("/screen/axia")
    assert page.status_code == 200
    assert screens.code_of(room)[:3] in page.content.decode()
    assert client.get("/screen/nowhere").status_code == 404


@pytest.mark.django_db
def test_a_closed_room_has_no_screen_stream_and_says_so(client: Client, room: Room) -> None:
    Room.objects.filter(pk=room.pk).update(is_banned=True, ban_reason="违规")
    assert 'data-state="banned"' in client.get("/screen/axia").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "carried", "counts"), [("tv", "tv", True), ("screen", "screen", False), ("", "", True), ("mars", "", True)]
)
def test_tickets_carry_known_channels_only_and_a_screen_is_nobody(
    client: Client, room: Room, asked: str, carried: str, counts: bool
) -> None:
    text = client.get("/live/axia/ticket", {"channel": asked}).json()["ticket"]
    ticket = tickets.read(text, room.public_id)
    assert (ticket.channel, ticket.is_counted) == (carried, counts)


@pytest.mark.django_db
def test_who_came_from_a_screen_is_written_down_once_and_told_to_the_anchor(client: Client, room: Room) -> None:
    show = room.shows.get()
    presence.enter(room.pk, "d:scanned", "tv")
    presence.enter(room.pk, "d:feed")
    meter.meter._write(room.pk)
    presence.leave(room.pk, "d:feed")
    meter.write_figures(room.pk, ["d:feed"], {"d:feed": "tv"})
    assert dict(ShowViewer.objects.values_list("person", "channel")) == {"d:scanned": "tv", "d:feed": ""}
    client.force_login(room.anchor)
    assert "大屏扫码来的人" in client.get(f"/studio/axia/shows/{show.public_id}").content.decode()
