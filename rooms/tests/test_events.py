import re
from pathlib import Path

import pytest
from django.db import transaction

from rooms import events
from rooms.models import Room, RoomEvent

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_documented_kinds_are_the_real_ones() -> None:
    text = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", text.split("## ")[0], re.MULTILINE))
    assert rows == events.KINDS


def test_an_event_needs_its_actions_transaction(room: Room) -> None:
    with pytest.raises(RuntimeError):
        events.publish_in_tx(room_id=room.pk, kind="pinned", panels=["pin"])
    assert not RoomEvent.objects.exists()


def test_an_unknown_kind_is_a_programming_error(room: Room) -> None:
    with transaction.atomic(), pytest.raises(ValueError, match="danced"):
        events.publish_in_tx(room_id=room.pk, kind="danced", panels=[])
    assert Room.objects.get().seq == 0


def test_a_rolled_back_action_leaves_no_gap(room: Room) -> None:
    with transaction.atomic():
        events.publish_in_tx(room_id=room.pk, kind="pinned", panels=["pin"])
        transaction.set_rollback(True)
    with transaction.atomic():
        assert events.publish_in_tx(room_id=room.pk, kind="pinned", panels=["pin"]) == 1
    assert list(RoomEvent.objects.values_list("seq", flat=True)) == [1]
