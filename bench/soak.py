"""`bin/bench soak`: a room for an hour. 2,000 sockets, 5 % a minute leave and others come, talk at real rates, pins in between.

Memory must reach a plateau, no descriptor may leak, and a viewer who misses a number of the room's `seq` must be healed by
catching up. Talk is replayed from a log when one is given (`--log FILE.csv.gz` with the columns t,kind,user,value), else it
comes in plateaus of 20 lines a second with pauses, as in a busy room.
"""

import argparse
import csv
import gzip
import itertools
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench._viewers import Control, Viewers
from bench.fanout import prepare, server
from bench.idle import rss_kb

CHURN_A_MINUTE = 0.05
PIN_EVERY_S = 5.0
HEAL_S = 5.0
MOST_GROWTH = 0.10  # of the resident memory, from the middle of the run to its end
TOLD = {"chat", "gift", "superchat", "enter"}  # what a room shows as a line
STATE = re.compile(rb'"t":"(?:state|snap)".{0,80}?"seq":(\d+)')


@dataclass(slots=True)
class Books:
    """What the run saw."""

    pins: int = 0
    lines: int = 0
    churned: int = 0
    gaps: int = 0
    healed: int = 0
    lost: int = 0
    closed: int = 0
    memory_kb: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)


def main(argv: list[str]) -> int:
    """Print a line a minute, the figures and the JSON line; 0 when nothing grew, leaked or stayed lost."""
    options = argparse.ArgumentParser(prog="bin/bench soak")
    options.add_argument("--quick", action="store_true", help="300 sockets and one minute")
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument(
        "--log", type=Path, help="a room's log to replay, a line for each chat, gift or coming: csv.gz with t,kind,user,value"
    )
    given = options.parse_args(argv)
    count, minutes = (300, 1.0) if given.quick else (2_000, given.minutes)
    room, tickets = prepare(count)
    with server({"REDIS_URL": "", "JOIN_TICKET_TTL_S": "86400"}) as (port, process):
        soak = Soak(Viewers(port), Control(port), process.pid, _moments(given.log))
        try:
            soak.enter([f"/ws/live/{room}?ticket={ticket}" for ticket in tickets])
            soak.run(minutes * 60)
        finally:
            soak.viewers.close()
    books = soak.books
    middle = books.memory_kb[len(books.memory_kb) // 2]
    growth = books.memory_kb[-1] / middle - 1
    leaked = books.descriptors[-1] - books.descriptors[0]
    ok = growth <= MOST_GROWTH and leaked <= 10 and not books.lost and not books.closed and books.pins > 0
    print(f"{count:,} sockets, {minutes:g} min: {books.lines:,} lines, {books.pins} pins, {books.churned:,} left and came")
    print(f"memory {books.memory_kb[0] // 1024} → {middle // 1024} → {books.memory_kb[-1] // 1024} MB, {leaked:+d} descriptors")
    print(f"gaps in seq {books.gaps}, healed {books.healed}, lost {books.lost}; sockets closed by the server {books.closed}")
    figures: dict[str, Any] = {"growth": round(growth, 3), "leaked": leaked, "gaps": books.gaps, "lost": books.lost, "closed": books.closed}
    print(json.dumps({"bench": "soak", "ratio": round(1 + growth, 3), "goal": 1 + MOST_GROWTH, "ok": ok, "minutes": minutes, **figures}))
    return 0 if ok else 1


class Soak:
    """The crowd, what it knows, and the anchor who pins."""

    def __init__(self, viewers: Viewers, control: Control, pid: int, moments: Iterator[float]) -> None:
        self.viewers, self.control, self.pid, self.moments = viewers, control, pid, moments
        self.next_line = next(moments)
        self.books = Books()
        self.known: dict[int, int] = {}
        self.waiting: dict[int, float] = {}
        self.paths: itertools.cycle[str] = itertools.cycle([""])
        self.pins = _pins()

    def enter(self, paths: list[str]) -> None:
        self.viewers.join(paths)
        self.paths = itertools.cycle(paths)
        self.viewers.settle()

    def run(self, seconds: float) -> None:
        began = time.monotonic()
        count = len(self.viewers.sockets)
        noted = pinned = 0.0
        while (now := time.monotonic() - began) < seconds:
            if now - noted >= min(10.0, seconds / 12):
                noted = now
                self._note()
            if now - pinned >= PIN_EVERY_S:
                pinned = now
                next(self.pins)
                self.books.pins += 1
            while self.books.churned < now / 60 * CHURN_A_MINUTE * count:
                self._swap_one()
            self._say(now)
            self._read()
            self._judge()
        self._note()

    def _note(self) -> None:
        self.books.memory_kb.append(rss_kb(self.pid))
        self.books.descriptors.append(len(os.listdir(f"/proc/{self.pid}/fd")) - len(self.viewers.sockets))

    def _say(self, now: float) -> None:
        while self.next_line <= now:
            self.control.send(f"line {self.books.lines}")
            self.books.lines += 1
            self.next_line = next(self.moments)

    def _swap_one(self) -> None:
        descriptor = next(iter(self.viewers.sockets))
        self._drop(descriptor)
        self.viewers.join([next(self.paths)])
        self.books.churned += 1

    def _drop(self, descriptor: int) -> None:
        self.viewers.poll.unregister(descriptor)
        self.viewers.sockets.pop(descriptor).close()
        self.known.pop(descriptor, None)
        self.waiting.pop(descriptor, None)

    def _read(self) -> None:
        for descriptor, _events in self.viewers.poll.poll(0.01, 4096):
            try:
                chunk = self.viewers.sockets[descriptor].recv(262_144)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                self.books.closed += 1
                self._drop(descriptor)
                continue
            for found in STATE.finditer(chunk):
                self._hear(descriptor, int(found[1]))

    def _hear(self, descriptor: int, seq: int) -> None:
        known = self.known.get(descriptor, seq)
        if descriptor in self.waiting:
            del self.waiting[descriptor]
            self.books.healed += 1
        elif seq > known + 1:
            self.books.gaps += 1
            self.waiting[descriptor] = time.monotonic() + HEAL_S
            self.viewers.say(descriptor, json.dumps({"c": "catch_up", "id": "gap", "seq": known, "chat": ""}))
        self.known[descriptor] = max(known, seq)

    def _judge(self) -> None:
        late = [descriptor for descriptor, until in self.waiting.items() if until < time.monotonic()]
        for descriptor in late:
            del self.waiting[descriptor]
            self.books.lost += 1


def _pins() -> Iterator[None]:
    """Pins the room's goods in turn, by the same action as the studio's button."""
    from rooms import stage
    from rooms.models import Room, Show, ShowState
    from tests import cast

    room = Room.objects.get(slug="bench")
    if not room.shows.filter(state=ShowState.LIVE).exists():
        Show.objects.create(room=room, title="soak", state=ShowState.LIVE)
    items = list(room.shelf_items.all()) or [
        cast.make_shelf_item(room, cast.make_product(shop=cast.make_shop(room.anchor))) for _ in range(2)
    ]
    for item in itertools.cycle(items):
        stage.pin(room=room, item=item, by=room.anchor)
        yield


def _moments(log: Path | None) -> Iterator[float]:
    """When the lines are said, in seconds from the start, without end."""
    if log is None:
        said = [n / 20 for n in range(200)]
        lasts = 15.0
    else:
        with gzip.open(log, "rt", encoding="utf-8") as rows:
            said = sorted(float(row["t"]) for row in csv.DictReader(rows) if row["kind"] in TOLD)
        if not said:
            raise SystemExit(f"{log} tells of nobody who did anything")
        lasts = said[-1] + 1
    for turn in itertools.count():
        yield from (turn * lasts + moment for moment in said)
