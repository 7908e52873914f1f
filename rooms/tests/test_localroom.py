"""A whole room that fell behind shares its readings, and nobody gets one that began before she asked."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from rooms.models import Room
from rooms.realtime import hub as hubs
from rooms.realtime import recovery
from rooms.realtime.hub import Hub
from rooms.realtime.localroom import LocalRoom
from rooms.realtime.members import Member
from rooms.realtime.recovery import Reading
from rooms.tests.test_members import Pipe


class Readings:
    """Numbered readings that take a moment; the last can be made to fail."""

    def __init__(self) -> None:
        self.begun = 0
        self.failing = False

    async def read(self, room_id: int, language: str) -> Reading:
        self.begun += 1
        number = self.begun
        await asyncio.sleep(0.01)
        if self.failing:
            raise OSError("away")
        return Reading(number, 0, {}, {}, [], [], {})


async def close(code: int) -> None: ...


def sit(room: LocalRoom, person: str = "d:one", language: str = "zh-hans") -> Member:
    ticket: Any = SimpleNamespace(person=person, language=language, is_staff=False, room=room.room_id)
    member = Member(ticket, Pipe(), close)
    room.add(member)
    return member


def test_a_thousand_who_ask_share_one_reading_and_who_asks_later_gets_a_later_one() -> None:
    readings = Readings()

    async def errand() -> list[list[int]]:
        room = LocalRoom(1, readings.read)
        first = asyncio.gather(*[room.reading("zh-hans") for _ in range(1000)])
        await asyncio.sleep(0.005)  # the first reading has begun, and is not done
        second = asyncio.gather(*[room.reading("zh-hans") for _ in range(1000)])
        return [[one.seq for one in asked] for asked in (await first, await second)]

    assert asyncio.run(errand()) == [[1] * 1000, [2] * 1000]
    assert readings.begun == 2


def test_a_reading_that_failed_is_told_to_those_who_waited_and_the_next_tries_again() -> None:
    readings = Readings()

    async def errand() -> int:
        room = LocalRoom(1, readings.read)
        readings.failing = True
        told = await asyncio.gather(*[room.reading("en") for _ in range(5)], return_exceptions=True)
        assert [type(one) for one in told] == [OSError] * 5
        readings.failing = False
        return (await room.reading("en")).seq

    assert asyncio.run(errand()) == 2


def test_who_stops_waiting_takes_nothing_from_the_others() -> None:
    readings = Readings()

    async def errand() -> int:
        room = LocalRoom(1, readings.read)
        hasty, patient = [asyncio.create_task(room.reading("en")) for _ in range(2)]
        await asyncio.sleep(0.005)
        hasty.cancel()
        return (await patient).seq

    assert asyncio.run(errand()) == 1


def test_a_room_that_lost_the_bus_is_read_a_handful_of_times_and_all_get_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = Readings()

    async def errand() -> list[set[bytes]]:
        hub = hubs.Hub()
        hub.loop = asyncio.get_running_loop()
        monkeypatch.setattr(hub, "_recall", lambda: asyncio.sleep(0, True))
        room = hub.rooms[1] = LocalRoom(1, readings.read)
        members = [sit(room, f"d:{n}", "en" if n % 4 else "zh-hans") for n in range(1000)]
        await hub._refresh_all()
        async with asyncio.timeout(3):
            while not all(member.sink.frames for member in members):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return [{member.sink.frames[0].wire for member in room.members[language]} for language in ("en", "zh-hans")]

    assert [len(different) for different in asyncio.run(errand())] == [1, 1]
    assert readings.begun <= 4


def test_a_person_is_held_as_long_as_one_of_her_windows() -> None:
    async def errand() -> list[bool]:
        room = LocalRoom(1, Readings().read)
        windows = [sit(room), sit(room)]
        room.add(windows[0])  # asked twice
        told = []
        for window in windows:
            told.append(room.holds("d:one"))
            room.remove(window)
            room.remove(window)
        return [*told, room.holds("d:one"), room.holds("d:two")]

    assert asyncio.run(errand()) == [True, True, False, False]


LINES = [{"id": name, "html": name, "key": ""} for name in ("a", "b", "c")]


@pytest.mark.parametrize(
    ("seq", "last_line", "panels", "lines"),
    [
        (9, "c", [], []),
        (9, "b", [], ["c"]),
        (8, "c", ["pin"], []),
        (6, "a", ["pin", "shelf"], ["b", "c"]),
        (5, "unknown", ["pin", "shelf", "stage"], ["a", "b", "c"]),  # further back than events are known
        (10, "", ["pin", "shelf", "stage"], ["a", "b", "c"]),  # of another database
        (-1, "", ["pin", "shelf", "stage"], ["a", "b", "c"]),
    ],
)
def test_what_was_missed_is_what_came_after(seq: int, last_line: str, panels: list[str], lines: list[str]) -> None:
    drawn = {name: name for name in ("pin", "shelf", "stage")}
    missed = Reading(9, 6, {"pin": 9, "shelf": 8}, drawn, LINES, ["x"], {"d": [1]}).since(seq, last_line)
    assert (sorted(missed["panels"]), [line["id"] for line in missed["chat"]]) == (panels, lines)
    assert (missed["seq"], missed["gone"], missed["bars"]) == (9, ["x"], {"d": [1]})


@pytest.mark.django_db
def test_a_room_with_more_events_than_are_looked_back_on_gives_every_panel_to_who_was_long_away(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "MAX_MISSED_EVENTS", 3)
    for seq in range(1, 6):
        room.events.create(seq=seq, kind="pinned", panels=["pin"])
    Room.objects.update(seq=5)
    reading = recovery.read(room.pk, "en")
    assert (reading.seq, reading.known_from, reading.touched) == (5, 2, {"pin": 5})
    assert list(reading.since(2, "")["panels"]) == ["pin"]
    assert len(reading.since(1, "")["panels"]) == len(reading.panels) > 3
    told = json.loads(reading.snapshot.text)
    assert (told["t"], told["seq"], told["panels"]) == ("snap", 5, reading.panels)


def test_an_errand_of_the_hub_belongs_to_nobodys_log_lines() -> None:
    seen: list[dict[str, Any]] = []

    async def note() -> None:
        seen.append(structlog.contextvars.get_contextvars())

    async def errand() -> None:
        with structlog.contextvars.bound_contextvars(socket="a", room="axia"):
            hubs.Hub().spawn(note())
        await asyncio.sleep(0.01)

    asyncio.run(errand())
    assert seen == [{}]


def test_one_who_leaves_while_the_hub_starts_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def joining() -> list[object]:
        one = Hub()

        async def slow() -> None:
            await asyncio.sleep(0.05)

        monkeypatch.setattr(one, "_start", slow)
        waiting = [asyncio.create_task(one.start()) for _ in range(3)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        told = await asyncio.gather(*waiting[1:], one.start(), return_exceptions=True)
        await one.start()
        return told

    assert asyncio.run(joining()) == [None, None, None]
