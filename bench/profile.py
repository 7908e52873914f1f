"""`bin/bench profile`: whose code the processor's time goes to, the usual way and ours, for one delivery, one win and one catching up.

A profile slows what makes many calls more than what makes few, so the shares tell more than the sums; `fanout` and `claims` time
both without one. Waiting is left out. docs/profiles.md says what was done about what was seen.
"""

import asyncio
import cProfile
import json
import pstats
import re
import sysconfig
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import _database, fanout
from bench._viewers import Control, Viewers, saturate

LIBRARIES = re.compile(r"site-packages/(\w+)")
STANDARD = sysconfig.get_path("stdlib")
WAITING = re.compile(r"poll|wait|acquire|'select'|time\.sleep")
ROWS = 7


def main(argv: list[str]) -> int:
    """Print the three tables and the JSON line; 0 when everything was delivered and every book agrees."""
    quick = "--quick" in argv
    told = []
    ok = True
    with _database.fresh():
        room, tickets = fanout.prepare(300)
        with fanout.redis() as redis_url:
            for name, kind, paths, environment in (
                ("delivery, stock consumer", "stock", ["/bench/stock"] * 300, fanout.STOCK | {"REDIS_URL": redis_url}),
                ("delivery, hub", "hub", [f"/ws/live/{room}?ticket={ticket}" for ticket in tickets], {"REDIS_URL": ""}),
            ):
                owners, count, complete = _deliveries(kind, paths, environment, 2 if quick else 5)
                told.append(_show(name, owners, count))
                ok &= complete
        taps = 300 if quick else 2000
        for name, owners, is_exact in _wins(taps):
            told.append(_show(name, owners, taps))
            ok &= is_exact
        for name, owners, count in _catching_up(50 if quick else 200):
            told.append(_show(name, owners, count))
    ratios = {
        name: round(usual / ours, 1) for name, usual, ours in zip(("delivery", "win", "catching_up"), told[::2], told[1::2], strict=True)
    }
    print(json.dumps({"bench": "profile", "ratio": min(ratios.values()), "goal": 1, "ok": ok and min(ratios.values()) > 1, **ratios}))
    return 0 if ok else 1


def _deliveries(kind: str, paths: list[str], environment: dict[str, str], seconds: float) -> tuple[Counter[str], int, bool]:
    with tempfile.NamedTemporaryFile() as file, fanout.server(environment) as (port, _process):
        viewers = Viewers(port)
        try:
            viewers.join(paths)
            control = Control(port)
            viewers.settle()
            control.ask(f"profile {file.name}")
            rate, complete = saturate(viewers, control, kind, fanout.FRAME_BYTES, seconds)
            control.ask(f"profile {file.name}")
        finally:
            viewers.close()
        return _by_owner(pstats.Stats(file.name)), int(rate * seconds), complete


def _wins(taps: int) -> Iterator[tuple[str, Counter[str], bool]]:
    from bench.claims import engine, textbook
    from tests.scarce import make_deal, make_people

    users = [user.pk for user in make_people(taps)]
    for name, race in (
        ("win, textbook Django", lambda deal: textbook(deal, users, threads=0)),
        ("win, engine", lambda deal: engine(deal, users)),
    ):
        deal = make_deal(total=taps)
        with _profiled() as owners:
            answers, _took = race(deal)
        deal.refresh_from_db()
        yield name, owners, sum(won for won, _wait in answers) == taps == deal.held


def _catching_up(count: int) -> Iterator[tuple[str, Counter[str], int]]:
    from rooms.models import Room
    from rooms.realtime import recovery
    from rooms.realtime.frames import frame
    from rooms.realtime.localroom import LocalRoom
    from rooms.realtime.recovery import Reading

    room = Room.objects.get(slug="bench")

    def read() -> Reading:
        return recovery.read(room.pk, "zh-hans")

    async def asked(room_id: int, language: str) -> Reading:
        await asyncio.sleep(0)
        return reading

    async def shared() -> None:
        local = LocalRoom(room.pk, asked)
        for one in await asyncio.gather(*[local.reading("zh-hans") for _ in range(count * 10)]):
            frame({"t": "state", **one.since(room.seq, str(uuid.uuid4()))})

    with _profiled() as owners:
        for _ in range(count):
            frame({"t": "state", **read().since(room.seq, "")})
    yield "catching up, each by itself", owners, count
    with _profiled() as owners:
        reading = read()
        asyncio.run(shared())
    yield "catching up, a room at once", owners, count * 10


@contextmanager
def _profiled() -> Iterator[Counter[str]]:
    owners: Counter[str] = Counter()
    with cProfile.Profile() as profile:
        yield owners
    owners.update(_by_owner(pstats.Stats(profile)))


def _by_owner(stats: pstats.Stats) -> Counter[str]:
    """Seconds of own time by package; built-in functions count for nobody in particular."""
    owners: Counter[str] = Counter()
    for (path, _line, function), (_calls, _all_calls, own_s, _total_s, _callers) in stats.stats.items():  # type: ignore[attr-defined]
        if not WAITING.search(function):
            owners[_owner(path, function)] += own_s
    return owners


def _owner(path: str, function: str) -> str:
    if path == "~":
        return "system calls of sockets" if "socket" in function else "built-in functions"
    if library := LIBRARIES.search(path):
        return library[1]
    if path.startswith(str(fanout.REPOSITORY)):
        return "liveshop: " + str(Path(path).relative_to(fanout.REPOSITORY).parent)
    return "Python's " + Path(path).relative_to(STANDARD).parts[0].removesuffix(".py") if path.startswith(STANDARD) else "generated code"


def _show(name: str, owners: Counter[str], count: int) -> float:
    """Print a table; returns the µs of one."""
    whole = sum(owners.values())
    each = whole / count * 1e6
    print(f"\n{name}: {each:,.1f} µs")
    for owner, seconds in owners.most_common(ROWS):
        print(f"  {owner:36}{seconds / count * 1e6:>10.1f} µs {seconds / whole:>7.0%}")
    return each
