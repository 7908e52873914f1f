"""`bin/bench scale`: deliveries and claims with one and two processes, and what follows for rooms of up to 100,000 viewers.

Two processes have a room (or a deal) in common and share this machine with their generator, so that on two cores the second
one shows what sharing costs, not what a second machine brings. The model is in docs/scale.md; this prints its figures anew.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import threading
from typing import Any

from bench import _database
from bench._viewers import Control, Viewers, saturate
from bench.fanout import FRAME_BYTES, cpu_s, prepare, server

FRAMES_A_SECOND = 10
SHARE = 0.7
TAPPING = 0.2  # of the viewers, within two seconds of a drop
SIZES = (1_000, 10_000, 100_000)
LEAST = 0.8  # of one process's rate, that two on a shared deal or room must still reach together


def main(argv: list[str]) -> int:
    """Print both tables and the JSON line; 0 when every claim was exact and sharing costs less than a fifth."""
    options = argparse.ArgumentParser(prog="bin/bench scale")
    options.add_argument("--quick", action="store_true", help="300 viewers and 4,000 people instead of 1,000 and 20,000")
    viewers, people = (300, 4_000) if options.parse_args(argv).quick else (1_000, 20_000)
    with _database.fresh():
        room, tickets = prepare(viewers)
        paths = [f"/ws/live/{room}?ticket={ticket}" for ticket in tickets]
        fan = {count: _deliveries(paths, count) for count in (1, 2)}
        won = {count: _claims(people, count) for count in (1, 2)}
    print(f"{'processes':>9} {'deliveries/s':>13} {'CPU µs each':>12} {'claims/s':>10} {'CPU µs each':>12}  audit")
    for count in (1, 2):
        rate, cost, complete = fan[count]
        wins, spent, exact = won[count]
        print(f"{count:>9} {rate:>13,.0f} {cost:>12.1f} {wins:>10,.0f} {spent:>12.1f}  {'ok' if exact and complete else 'WRONG'}")
    print(f"\n{'viewers':>8} {'processes':>10} {'of a core for claims':>21}")
    for size in SIZES:
        cores = size * FRAMES_A_SECOND * fan[1][1] / 1e6
        burst = size * TAPPING / 2 * won[1][1] / 1e6
        print(f"{size:>8,} {math.ceil(cores / SHARE):>10} {burst:>21.2f}")
    ratios = {"deliveries_2": round(fan[2][0] / fan[1][0], 2), "claims_2": round(won[2][0] / won[1][0], 2)}
    ok = all(exact for _rate, _cost, exact in [*won.values(), *fan.values()]) and min(ratios.values()) >= LEAST
    print(json.dumps({"bench": "scale", "ratio": ratios["claims_2"], "goal": LEAST, "ok": ok, **ratios}))
    return 0 if ok else 1


def _deliveries(paths: list[str], count: int) -> tuple[float, float, bool]:
    """Deliveries a second over all processes, the servers' CPU µs for each, and whether none was missing."""
    results: list[tuple[float, float, bool]] = []

    def one(part: list[str]) -> None:
        with server({"REDIS_URL": ""}) as (port, process):
            viewers = Viewers(port)
            try:
                viewers.join(part)
                control = Control(port)
                viewers.settle()
                before = cpu_s(process.pid)
                rate, complete = saturate(viewers, control, "hub", FRAME_BYTES, 5.0)
                results.append((rate, cpu_s(process.pid) - before, complete))
            finally:
                viewers.close()

    threads = [threading.Thread(target=one, args=(paths[number::count],)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(rate for rate, _cpu, _complete in results)
    return total, sum(cpu for _rate, cpu, _complete in results) / (total * 5.0) * 1e6, all(complete for *_figures, complete in results)


def _claims(people: int, count: int) -> tuple[float, float, bool]:
    """Wins a second over all processes on one deal, their CPU µs for each, and whether the books agree."""
    from campaigns.models import Claim
    from tests.scarce import make_deal, make_people

    users = [user.pk for user in make_people(people)]
    deal = make_deal(total=people)
    share = people // count
    processes = [_claimer(deal.pk, users[0] + number * share, users[0] + (number + 1) * share) for number in range(count)]
    for process in processes:
        _line(process)  # it is ready
    for process in processes:
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    told: list[dict[str, Any]] = [json.loads(_line(process)) for process in processes]
    for process in processes:
        process.wait(20)
    deal.refresh_from_db()
    took = max(each["ended"] for each in told) - min(each["began"] for each in told)
    won = sum(each["won"] for each in told)
    exact = won == people == deal.held == Claim.objects.filter(deal=deal).values("user").distinct().count()
    return won / took, sum(each["cpu_s"] for each in told) / won * 1e6, exact


def _line(process: "subprocess.Popen[str]") -> str:
    return process.stdout.readline() if process.stdout else ""


def _claimer(deal: int, first: int, last: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench._claimer", *(str(number) for number in (deal, first, last))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
