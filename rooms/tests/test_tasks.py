from datetime import timedelta

import pytest
from django.utils import timezone

from rooms import stage, tasks
from rooms.models import Room, RoomEvent, Show, ShowState

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("away_s", "after"), [(30, ShowState.INTERRUPTED), (61, ShowState.ENDED)])
def test_a_show_ends_only_after_its_grace(room: Room, away_s: int, after: int) -> None:
    stage.interrupt(room=room, by=room.anchor)
    Show.objects.update(interrupted_at=timezone.now() - timedelta(seconds=away_s))
    assert tasks.end_abandoned(0) == (after == ShowState.ENDED)
    assert Show.objects.get().state == after


def test_a_live_show_is_left_alone(room: Room) -> None:
    assert tasks.end_abandoned(0) == 0
    assert (Show.objects.get().state, RoomEvent.objects.count()) == (ShowState.LIVE, 0)
