"""`bin/bench soak`: a room for an hour. 2,000 sockets, 5 % a minute leave and others come, talk at real rates, pins in between.

Memory must reach a plateau, no descriptor may leak, and a viewer who misses a number of the room's `seq` must be healed by
catching up. Nobody may be told a line twice, and a deal that people tap for all the while must be given out exactly. Talk is
replayed from a log (`--log FILE.csv.gz` with the columns t,kind,user,value; one beside the repository is found), else it comes
in plateaus of 20 lines a second with pauses, as in a busy room.
"""

import argparse
import csv
import gzip
import itertools
import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench import _database, _tapping
from bench._viewers import Control, Viewers
from bench.fanout import prepare, server
from bench.idle import rss_kb

CHURN_A_MINUTE = 0.05
PIN_EVERY_S = 5.0
HEAL_S = 5.0
MOST_GROWTH = 0.10  # of the resident memory, from the middle of the run to its end
TOLD = {"chat", "gift", "superchat", "enter"}  # what a room shows as a line
BUYERS, UNITS = 40, 25
SAMPLE_OF = 40  # of so many sockets one is watched for lines told twice
LOG = Path(__file__).resolve().parents[2] / "shared" / "data" / "bilibili-live-events" / "room11365.csv.gz"
TICK = re.compile(rb'"t":"tick".*?(?="t":"|$)', re.DOTALL)
LINE = re.compile(rb'"id":"(\d+)"')
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
    doubled: int = 0
    won: list[bytes] = field(default_factory=list)
    answers: int = 0
    memory_kb: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)


def main(argv: list[str]) -> int:
    """Print a line a minute, the figures and the JSON line; 0 when nothing grew, leaked or stayed lost."""
    options = argparse.ArgumentParser(prog="bin/bench soak")
    options.add_argument("--quick", action="store_true", help="300 sockets and one minute")
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument(
        "--log",
        type=Path,
        default=LOG if LOG.exists() else None,
        help="a room's log to replay, a line for each chat, gift or coming: csv.gz with t,kind,user,value",
    )
    given = options.parse_args(argv)
    count, minutes = (300, 1.0) if given.quick else (2_000, given.minutes)
    with _database.fresh():
        room, tickets = prepare(count)
        deal, buyers = _deal(minutes)
        with server({"REDIS_URL": "", "JOIN_TICKET_TTL_S": "86400"}) as (port, process):
            soak = Soak(Viewers(port), Control(port), process.pid, _moments(given.log), deal.public_id)
            try:
                soak.enter(
                    [f"/ws/live/{room}?ticket={ticket}" for ticket in tickets], [f"/ws/live/{room}?ticket={ticket}" for ticket in buyers]
                )
                soak.run(minutes * 60)
            finally:
                soak.viewers.close()
        is_dealt = _tapping.audit(deal, soak.books.won, UNITS)
    books = soak.books
    middle = books.memory_kb[len(books.memory_kb) // 2]
    growth = books.memory_kb[-1] / middle - 1
    leaked = books.descriptors[-1] - books.descriptors[0]
    is_exact = books.answers == BUYERS and is_dealt
    ok = (
        growth <= MOST_GROWTH and leaked <= 10 and not books.lost and not books.closed and not books.doubled and books.pins > 0 and is_exact
    )
    print(f"{count:,} sockets, {minutes:g} min: {books.lines:,} lines, {books.pins} pins, {books.churned:,} left and came")
    print(f"memory {books.memory_kb[0] // 1024} → {middle // 1024} → {books.memory_kb[-1] // 1024} MB, {leaked:+d} descriptors")
    print(
        f"gaps in seq {books.gaps}, healed {books.healed}, lost {books.lost}; sockets closed by the server {books.closed}; lines told twice {books.doubled}"
    )
    print(f"{books.answers} of {BUYERS} taps answered, {len(books.won)} won; audit {'ok' if is_exact else 'WRONG'}")
    figures: dict[str, Any] = {"growth": round(growth, 3), "leaked": leaked, "gaps": books.gaps, "lost": books.lost, "closed": books.closed}
    figures |= {"doubled": books.doubled, "exact": is_exact}
    print(json.dumps({"bench": "soak", "ratio": round(1 + growth, 3), "goal": 1 + MOST_GROWTH, "ok": ok, "minutes": minutes, **figures}))
    return 0 if ok else 1


class Soak:
    """The crowd, what it knows, and the anchor who pins."""

    def __init__(self, viewers: Viewers, control: Control, pid: int, moments: Iterator[float], deal: str) -> None:
        self.viewers, self.control, self.pid, self.moments = viewers, control, pid, moments
        self.next_line = next(moments)
        self.books = Books()
        self.known: dict[int, int] = {}
        self.waiting: dict[int, float] = {}
        self.paths: itertools.cycle[str] = itertools.cycle([""])
        self.pins = _pins()
        self.deal = deal
        self.buyers: list[int] = []
        self.tapped = 0
        self.told: dict[int, set[bytes]] = {}

    def enter(self, paths: list[str], buyers: list[str]) -> None:
        self.viewers.join(buyers)
        self.buyers = list(self.viewers.sockets)
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
            self._tap(now / seconds)
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

    def _tap(self, part: float) -> None:
        """The buyers tap one after the other through four fifths of the run, and stay for their answers."""
        while self.tapped < min(BUYERS, int(part / 0.8 * BUYERS) + 1):
            command = {"c": "claim", "id": str(uuid.uuid4()), "deal": self.deal}
            self.viewers.say(self.buyers[self.tapped], json.dumps(command))
            self.tapped += 1

    def _swap_one(self) -> None:
        descriptor = next(descriptor for descriptor in self.viewers.sockets if descriptor not in self.buyers)
        self._drop(descriptor)
        self.viewers.join([next(self.paths)])
        self.books.churned += 1

    def _drop(self, descriptor: int) -> None:
        self.viewers.poll.unregister(descriptor)
        self.viewers.sockets.pop(descriptor).close()
        self.known.pop(descriptor, None)
        self.waiting.pop(descriptor, None)
        self.told.pop(descriptor, None)

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
            if descriptor in self.buyers:
                self.books.answers += chunk.count(b'"t":"reply"')
                self.books.won += _tapping.WON.findall(chunk)
            if descriptor % SAMPLE_OF == 0:
                told = self.told.setdefault(descriptor, set())
                lines = [line for tick in TICK.findall(chunk) for line in LINE.findall(tick)]
                self.books.doubled += len(lines) - len(set(lines) - told)
                told.update(lines)
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


def _deal(minutes: float) -> tuple[Any, list[str]]:
    """A deal that is open for the whole run, and the tickets of those who tap for it."""
    from django.db import connection
    from django.http import HttpRequest
    from django.utils import timezone

    from rooms.models import Room
    from rooms.realtime import tickets
    from tests.scarce import make_deal, make_people

    room = Room.objects.get(slug="bench")
    deal = make_deal(room, total=UNITS, ends_at=timezone.now() + timedelta(minutes=minutes + 30), hold_s=int(minutes * 60) + 1800)
    issued = []
    for user in make_people(BUYERS):
        request = HttpRequest()
        request.user, request.device = user, f"soak{user.pk}"  # type: ignore[attr-defined]
        issued.append(tickets.issue(request, room))
    connection.close()
    return deal, issued


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
