"""`bin/bench ticks`: what the ambience of a busy room costs. 500 events a second to 1,000 viewers, in ticks of 100 ms:
20 chat lines, as many as people can read, and likes.

The processor time is the server's alone; the delay is from the line's publication to its arrival, at a sample of viewers.
"""

import argparse
import json
import re
import time

from bench._viewers import Control, Viewers
from bench.fanout import cpu_s, prepare, server

GOAL_CORES, GOAL_P99_MS = 0.35, 150
EVENTS_A_SECOND = 500
LINE_EVERY = 25
SAMPLE = 20
STAMP = re.compile(rb'"html":"(\d+\.\d+) ')


def main(argv: list[str]) -> int:
    """Print the figures and the JSON line; 0 when both goals are met and no line is missing."""
    options = argparse.ArgumentParser(prog="bin/bench ticks")
    options.add_argument("--quick", action="store_true", help="5 s instead of 20 s")
    seconds = 5 if options.parse_args(argv).quick else 20
    room, tickets = prepare(1_000)
    with server({"REDIS_URL": ""}) as (port, process):
        viewers = Viewers(port)
        try:
            viewers.join([f"/ws/live/{room}?ticket={ticket}" for ticket in tickets])
            control = Control(port)
            viewers.settle()
            before, began = cpu_s(process.pid), time.monotonic()
            heard, sent = _talk(viewers, control, seconds)
            cores = (cpu_s(process.pid) - before) / (time.monotonic() - began)
        finally:
            viewers.close()
    delays = sorted(delay for _descriptor, _line, delay in heard)
    p50, p99 = (delays[int(len(delays) * part)] for part in (0.5, 0.99))
    lines = -(-sent // LINE_EVERY)
    complete = len(heard) == lines * SAMPLE == len({(descriptor, line) for descriptor, line, _delay in heard})
    ok = complete and cores <= GOAL_CORES and p99 <= GOAL_P99_MS
    print(f"{sent / seconds:,.0f} events/s to {len(tickets):,} viewers for {seconds} s, Daphne on one core")
    print(
        f"{cores:.2f} of a core; delay p50 {p50:.0f} ms, p99 {p99:.0f} ms; {'every line arrived once' if complete else 'LINES ARE MISSING OR DOUBLED'}"
    )
    figures = {"cores": round(cores, 2), "p50_ms": round(p50), "p99_ms": round(p99), "complete": complete, "goal_p99_ms": GOAL_P99_MS}
    print(json.dumps({"bench": "ticks", "ratio": round(GOAL_CORES / cores, 2), "goal": 1, "ok": ok, "goal_cores": GOAL_CORES, **figures}))
    return 0 if ok else 1


def _talk(viewers: Viewers, control: Control, seconds: float) -> tuple[list[tuple[int, bytes, float]], int]:
    """Each line at each sampled viewer (the viewer, the line, its delay in ms), and how many events were sent."""
    sample = set(list(viewers.sockets)[:SAMPLE])
    kept = dict.fromkeys(sample, b"")
    heard: list[tuple[int, bytes, float]] = []
    sent, began = 0, time.monotonic()
    while (now := time.monotonic() - began) < seconds + 1:
        while sent < min(now, seconds) * EVENTS_A_SECOND:
            control.send(f"{'like' if sent % LINE_EVERY else 'line'} {sent}")
            sent += 1
        for descriptor, _events in viewers.poll.poll(0.002, 4096):
            chunk = viewers.sockets[descriptor].recv(262_144)
            if descriptor in sample:
                arrived = time.monotonic()
                text = kept[descriptor] + chunk
                last = 0
                for found in STAMP.finditer(text):
                    heard.append((descriptor, found[1], (arrived - float(found[1])) * 1000))
                    last = found.end()
                kept[descriptor] = text[max(last, len(text) - 64) :]
    return heard, sent
