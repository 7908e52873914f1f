import asyncio
from typing import Any

import pytest

from rooms.realtime import members
from rooms.realtime.frames import Frame, frame, header
from rooms.realtime.members import Lane, Member
from rooms.realtime.ticks import BURST, MAX_WAITING, Tick


class Pipe:
    """A sink whose reader takes nothing until told."""

    name = "pipe"

    def __init__(self) -> None:
        self.waiting = 0
        self.frames: list[Frame] = []
        self.aborts = 0

    def write(self, built: Frame, bound: int) -> bool:
        if self.waiting > bound:
            return False
        self.frames.append(built)
        self.waiting += len(built.wire)
        return True

    def backlog(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.aborts += 1


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def member(pipe: Pipe) -> Member:
    async def close(code: int) -> None: ...

    return Member(None, pipe, close)  # type: ignore[arg-type]


class TestSlowReader:
    @pytest.mark.parametrize(
        ("backlog", "taken"),
        [
            (members.AMBIENCE_BYTES, [Lane.AMBIENCE, Lane.TALK, Lane.STATE]),
            (members.AMBIENCE_BYTES + 1, [Lane.TALK, Lane.STATE]),
            (members.TALK_BYTES + 1, [Lane.STATE]),
            (members.STATE_BYTES + 1, []),
        ],
    )
    def test_loses_ambience_then_talk_then_state(self, member: Member, pipe: Pipe, backlog: int, taken: list[Lane]) -> None:
        kept = []
        for lane in Lane:
            pipe.waiting = backlog
            if member.offer(frame({"t": "x"}), lane):
                kept.append(lane)
        assert kept == taken

    def test_costs_bounded_memory(self, member: Member, pipe: Pipe) -> None:
        big = frame({"t": "state", "panels": "x" * 16_000})
        for _ in range(1000):
            member.offer(big, Lane.STATE)
        assert pipe.waiting <= members.STATE_BYTES + len(big.wire)

    def test_is_due_one_snapshot_when_it_reads_again(self, member: Member, pipe: Pipe) -> None:
        pipe.waiting = members.STATE_BYTES + 1
        member.offer(frame({}), Lane.STATE)
        assert not member.can_recover()
        pipe.waiting = 0
        assert member.can_recover()

    def test_is_stuck_only_after_ten_seconds(self, member: Member, pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [100.0]
        monkeypatch.setattr(members.time, "monotonic", lambda: clock[0])
        pipe.waiting = members.AMBIENCE_BYTES + 1
        assert not member.is_stuck()
        clock[0] += 9.9
        assert not member.is_stuck()
        clock[0] += 0.2
        assert member.is_stuck()
        pipe.waiting = 0
        assert not member.is_stuck()


class TestClosing:
    def test_a_socket_that_never_takes_its_close_code_is_cut_off_once(self, pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []

        async def never(code: int) -> None:
            asked.append(code)
            await asyncio.Event().wait()

        monkeypatch.setattr(members, "CLOSING_S", 0.05)
        member = Member(None, pipe, never)  # type: ignore[arg-type]

        async def errand() -> None:
            await asyncio.gather(member.close(4008), member.close(4003))
            await asyncio.sleep(0.1)

        asyncio.run(errand())
        assert asked == [4008]
        assert pipe.aborts == 1

    def test_nothing_follows_the_close_code(self, member: Member, pipe: Pipe) -> None:
        member.is_behind = True
        member.is_closing = True
        assert member.offer(frame({"t": "tick"}), Lane.STATE)
        assert not pipe.frames
        assert not member.can_recover()
        assert not member.is_stuck()


class TestTick:
    def test_carries_the_latest_number_only(self) -> None:
        tick = Tick()
        for likes in (3, 9, 12):
            tick.add(numbers={"likes": likes}, bars={"deal": [likes, 0, 0, 20]})
        assert tick.take()[0] == {"likes": 12, "bars": {"deal": [12, 0, 0, 20]}}
        assert tick.take()[0] == {}

    def test_shows_no_more_lines_than_people_read_and_keeps_their_order(self) -> None:
        tick = Tick()
        tick.add(chat=[line(n) for n in range(40)])
        first, _ = tick.take()
        assert [news["id"] for news in first["chat"]] == [str(n) for n in range(BURST)]
        assert "chat" not in tick.take()[0]
        assert tick.has_more

    def test_waiting_lines_are_bounded(self) -> None:
        tick = Tick()
        tick.add(chat=[line(n) for n in range(1000)])
        assert len(tick._lines) == MAX_WAITING

    def test_a_deleted_line_is_not_shown_afterwards(self) -> None:
        tick = Tick()
        tick.add(chat=[line(1), line(2)])
        tick.add(gone=["1"])
        full, talk = tick.take()
        assert [news["id"] for news in talk["chat"]] == ["2"]
        assert full["gone"] == ["1"]


def line(number: int) -> dict[str, Any]:
    return {"id": str(number), "html": f"<li>{number}</li>", "key": ""}


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 1_000_000])
def test_a_frame_header_tells_the_length_as_the_standard_says(length: int) -> None:
    head = header(length)
    assert head[0] == 0x81
    short = head[1]
    told = short if short < 126 else int.from_bytes(head[2:])
    assert told == length
    assert len(head) == (2 if length < 126 else 4 if length < 65_536 else 10)
