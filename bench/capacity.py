"""`bin/bench capacity`: how many viewers and claims a second one server process of this machine carries; the operators' wall shows it.

Viewers: each gets ten frames a second, as in a busy room, and the process keeps three tenths of its core for everything else.
Claims: wins that are committed, by the engine alone.
"""

import argparse
import datetime
import json
import os
import platform
from pathlib import Path

from bench import _database
from bench.claims import wins
from bench.fanout import measure, prepare
from liveshop import capacity

FRAMES_A_SECOND = 10
SHARE = 0.7


def main(argv: list[str]) -> int:
    """Measure, keep the result in the data folder and print it; 0 when every frame and every claim was right."""
    options = argparse.ArgumentParser(prog="bin/bench capacity")
    options.add_argument("--quick", action="store_true", help="300 viewers and 4,000 people instead of 1,000 and 20,000")
    count, people = (300, 4_000) if options.parse_args(argv).quick else (1_000, 20_000)
    with _database.fresh():
        room, tickets = prepare(count)
        row = measure("hub", "daphne", "hub", [f"/ws/live/{room}?ticket={ticket}" for ticket in tickets], 5.0, {"REDIS_URL": ""})
        claims = wins(people)
    measured = capacity.Capacity(
        viewers=int(round(row.deliveries_s * SHARE / FRAMES_A_SECOND, -2)),
        claims_per_s=int(round(claims.rate, -2)),
        day=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=_machine(),
    )
    ok = row.complete and claims.is_exact
    if ok:
        capacity.write(measured)
    print(f"{measured.machine}: {measured.viewers:,} viewers, {measured.claims_per_s:,} claims/s in one process")
    print(
        json.dumps(
            {"bench": "capacity", "ratio": 1, "goal": 1, "ok": ok, "viewers": measured.viewers, "claims_per_s": measured.claims_per_s}
        )
    )
    return 0 if ok else 1


def _machine() -> str:
    """Like `2 × AMD EPYC, 24 GB, Linux`."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} × {names[0] if names else platform.machine()}, {memory:.0f} GB, {platform.system()}"
