"""What a stream learns when it is measured: that it must end, though no notice came through."""

from datetime import timedelta

import pytest
from django.utils import timezone

from rooms.models import Room, Show, ShowState
from rooms.video import keys, recorder, sessions
from rooms.video.models import Recording, StreamSession, StreamSource

pytestmark = pytest.mark.django_db(transaction=True)
FIGURES = sessions.Measured(640, 360, 25, 1200, 2000, True)


def stream(room: Room, source: str = StreamSource.ENCODER) -> StreamSession:
    keys.make(room=room, by=room.anchor)
    session = sessions.open_session(room=room, source=source)
    StreamSession.objects.filter(pk=session.pk).update(show=room.shows.get())
    return session


def measured(session: StreamSession) -> str:
    return sessions.measure(session=session, measured=FIGURES)


def test_a_stream_that_nothing_is_wrong_with_goes_on(room: Room) -> None:
    session = stream(room)
    assert measured(session) == ""
    session.refresh_from_db()
    assert session.width == 640
    StreamSession.objects.update(show=None)
    assert measured(session) == "", "a rehearsal, too"


@pytest.mark.parametrize(("state", "why"), [(ShowState.ENDED, "show_ended"), (ShowState.BANNED, "show_ended"), (ShowState.INTERRUPTED, "")])
def test_a_show_that_ended_unheard_ends_its_stream(room: Room, state: int, why: str) -> None:
    session = stream(room)
    Show.objects.update(state=state)
    assert measured(session) == why


def test_so_does_a_closed_room_a_newer_stream_and_a_new_key(room: Room) -> None:
    session = stream(room)
    keys.make(room=room, by=room.anchor)
    assert measured(session) == "key_changed"
    camera = stream(room, StreamSource.CAMERA)
    assert measured(session) == "taken_over"
    keys.make(room=room, by=room.anchor)
    assert measured(camera) == "", "it has no key"
    Room.objects.update(is_banned=True)
    assert measured(camera) == "room_banned"


def test_a_recording_whose_end_was_not_written_is_finished_later(room: Room) -> None:
    session = stream(room)
    row = Recording.objects.create(room=room, show=room.shows.get(), session=session, path="gone.mp4", mime="video/mp4")
    assert recorder.finish_forgotten() == 0
    row.refresh_from_db()
    assert row.ended_at is None, "it is being written"
    StreamSession.objects.update(ended_at=timezone.now() - timedelta(minutes=5))
    recorder.finish_forgotten()
    row.refresh_from_db()
    assert row.ended_at is not None
