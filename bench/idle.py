"""`bin/bench idle`: memory per viewer who only watches, and what viewers who stop reading cost while the room goes on.

Resident memory of the server process, from the kernel. Stalled viewers keep their socket open and never read.
"""

import argparse
import json
import socket
import time
from pathlib import Path

from bench._viewers import Control, Viewers
from bench.fanout import prepare, server

GOAL_KB = 32
GOAL_STALLED_KB = 512  # for each stalled viewer: the bounded lanes and the kernel's send buffer
STALLED_SHARE = 0.05
LINES_A_SECOND = 200


def main(argv: list[str]) -> int:
    """Print the figures and the JSON line; 0 when both stay within their goals."""
    options = argparse.ArgumentParser(prog="bin/bench idle")
    options.add_argument("--quick", action="store_true", help="500 viewers and 10 s of talk instead of 3,000 and 40 s")
    count, seconds = (500, 10) if options.parse_args(argv).quick else (3_000, 40)
    room, tickets = prepare(count + 100)
    paths = [f"/ws/live/{room}?ticket={ticket}" for ticket in tickets]
    with server({"REDIS_URL": ""}) as (port, process):
        viewers = Viewers(port)
        try:
            viewers.join(paths[:100])  # what the first ones cost is the room's, not a viewer's
            viewers.settle()
            before = rss_kb(process.pid)
            viewers.join(paths[100:])
            viewers.settle()
            each = (rss_kb(process.pid) - before) / count
            stalled = _stall(viewers, int(count * STALLED_SHARE))
            settled = rss_kb(process.pid)
            _talk(viewers, Control(port), seconds)
            grown = (rss_kb(process.pid) - settled) / len(stalled)
        finally:
            viewers.close()
    ok = each <= GOAL_KB and grown <= GOAL_STALLED_KB
    print(f"{count:,} viewers, Daphne: {each:.1f} KB for each")
    print(f"{len(stalled)} of them stop reading while {LINES_A_SECOND} lines/s go on for {seconds} s: {grown:.0f} KB for each of those")
    figures = {"kb_per_viewer": round(each, 1), "kb_per_stalled": round(grown), "goal_kb": GOAL_KB, "goal_stalled_kb": GOAL_STALLED_KB}
    print(json.dumps({"bench": "idle", "ratio": round(GOAL_KB / max(each, 0.1), 2), "goal": 1, "ok": ok, "viewers": count, **figures}))
    return 0 if ok else 1


def rss_kb(pid: int) -> int:
    """Resident memory of a process, in KB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def _stall(viewers: Viewers, count: int) -> list[socket.socket]:
    """So many viewers stop reading for good."""
    stalled = [viewers.sockets[descriptor] for descriptor in list(viewers.sockets)[-count:]]
    for one in stalled:
        viewers.poll.unregister(one.fileno())
    return stalled


def _talk(viewers: Viewers, control: Control, seconds: float) -> None:
    sent, began = 0, time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        while sent < now * LINES_A_SECOND:
            control.send(f"line {sent}")
            sent += 1
        viewers.read(0.005)
