"""One publisher goes, another comes, at once: no deadlock, and a show whose stream is on air does not wait for a stream."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection

from rooms.models import Room, Show, ShowState
from rooms.video import sessions
from rooms.video.models import StreamSession, StreamSource

pytestmark = pytest.mark.django_db(transaction=True)
TURNS = 60


def together(*acts: Callable[[], object]) -> None:
    def act(one: Callable[[], object]) -> None:
        try:
            one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(act, one) for one in acts]:
            done.result(60)


def opened(room: Room) -> StreamSession:
    return sessions.open_session(room=room, source=StreamSource.ENCODER)


def test_a_stream_that_comes_as_another_goes_keeps_the_show_on(room: Room) -> None:
    Show.objects.update(state=ShowState.LIVE)
    for _turn in range(TURNS):
        before = opened(room)
        assert sessions.put_on_air(session=before)
        after = opened(room)  # the one before is over, and its end is noticed while this one goes on air
        together(partial(sessions.wait_for_stream, room), partial(sessions.put_on_air, session=after))
        assert Show.objects.get().state == ShowState.LIVE
        sessions.close_session(session=after, reason="closed")


def test_who_takes_over_and_who_goes_on_air_do_not_block_each_other(room: Room) -> None:
    for _turn in range(TURNS):
        before = opened(room)
        together(partial(sessions.put_on_air, session=before), partial(opened, room), partial(opened, room))
        assert StreamSession.objects.filter(room=room, ended_at=None).count() == 1
