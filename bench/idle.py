"""`bin/bench idle`: memory per viewer who only watches, and what viewers who stop reading cost while the room goes on.

Resident memory of the server process, from the kernel. Stalled viewers keep their socket open and never read; those who read on
must all be told the same lines, each once.
"""

import argparse
import json
import re
import socket
import time
from pathlib import Path

from bench._viewers import Control, Viewers
from bench.fanout import prepare, server

GOAL_KB = 32
GOAL_STALLED_KB = 512  # for each stalled viewer: the bounded lanes and the kernel's send buffer
STALLED_SHARE = 0.05
LINES_A_SECOND = 200
SAMPLE = 20  # of those who read on
LINE = re.compile(rb'"id":"(\d+)"')


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
            is_heard = _talk(viewers, Control(port), seconds)
            grown = (rss_kb(process.pid) - settled) / len(stalled)
        finally:
            viewers.close()
    ok = each <= GOAL_KB and grown <= GOAL_STALLED_KB and is_heard
    print(f"{count:,} viewers, Daphne: {each:.1f} KB for each")
    print(f"{len(stalled)} of them stop reading while {LINES_A_SECOND} lines/s go on for {seconds} s: {grown:.0f} KB for each of those")
    print("the others were told the same lines, each once" if is_heard else "THE OTHERS WERE NOT TOLD THE SAME LINES ONCE")
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


def _talk(viewers: Viewers, control: Control, seconds: float) -> bool:
    """Whether a sample of those who read on heard the same lines in the same order, none twice."""
    heard = dict.fromkeys(list(viewers.sockets)[:SAMPLE], b"")
    sent, began = 0, time.monotonic()
    while (now := time.monotonic() - began) < seconds + 2:
        while sent < min(now, seconds) * LINES_A_SECOND:
            control.send(f"line {sent}")
            sent += 1
        for descriptor, _events in viewers.poll.poll(0.005, 4096):
            chunk = viewers.sockets[descriptor].recv(262_144)
            if descriptor in heard:
                heard[descriptor] += chunk
    told = [LINE.findall(text) for text in heard.values()]
    return bool(told[0]) and len(told[0]) == len(set(told[0])) and all(lines == told[0] for lines in told)
