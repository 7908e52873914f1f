"""`bin/bench fanout`: deliveries per second of the hub, against the usual Channels consumer on the same server in the same run.

The server has one core and the generator another; a closed loop keeps four events in flight, so the figure is the sustained
maximum, and every viewer must have received every event. Daphne and uvicorn each against the stock consumer on itself.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from bench import _peers
from bench._viewers import Control, Viewers, saturate
from liveshop import servers

REPOSITORY = Path(__file__).resolve().parent.parent
# Times the stock consumer's deliveries on the same server: (fast, portable).
GOALS = {"daphne": (25.0, 5.0), "uvicorn": (20.0, 14.0)}
PEERS = {"nchan": _peers.nchan, "socket.io": _peers.socket_io}
PEER_GOALS = {"nchan": 0.8, "socket.io": 1.3}
STOCK = {"BENCH_STOCK": "1"}  # a server as it comes
EVENT_BYTES = 250
FRAME_BYTES = EVENT_BYTES + 4


@dataclass(frozen=True, slots=True)
class Row:
    """One measured design."""

    name: str
    deliveries_s: float
    handshakes_s: float
    cpu_us: float
    complete: bool


def main(argv: list[str]) -> int:
    """Print the table and the JSON line; 0 when the hub reaches its goal and nothing was lost."""
    options = argparse.ArgumentParser(prog="bin/bench fanout")
    options.add_argument("--quick", action="store_true", help="300 viewers and 3 s each instead of 1,000 and 6 s")
    options.add_argument("--peers", action="store_true", help="against nginx with nchan and socket.io instead")
    arguments = options.parse_args(argv)
    viewers, seconds = (300, 3.0) if arguments.quick else (1000, 6.0)
    if arguments.peers:
        return against_peers(viewers, seconds)
    room, tickets = prepare(viewers)
    paths = [f"/ws/live/{room}?ticket={ticket}" for ticket in tickets]
    print(f"{viewers} viewers, {EVENT_BYTES}-byte events, the server on one core")
    print(f"{'design':40}{'deliveries/s':>14}{'x stock':>9}{'CPU µs':>8}{'joins/s':>9}  complete")
    figures: dict[str, object] = {}
    ok, least = True, float("inf")
    for name, goals in GOALS.items():
        rows = measure_all(name, paths, seconds)
        stock = rows[0].deliveries_s
        for row in rows:
            show(row, stock)
        for row, goal, what in zip(rows[1:], goals, ("fast", "portable"), strict=True):
            ratio = row.deliveries_s / stock
            figures |= {f"{name}_{what}": round(ratio, 1), f"goal_{name}_{what}": goal}
            ok &= ratio >= goal and row.complete
            least = min(least, ratio / goal)
        figures |= {f"{name}_deliveries_s": round(rows[1].deliveries_s), f"{name}_baseline_s": round(stock)}
    head = {"bench": "fanout", "ratio": figures["daphne_fast"], "goal": GOALS["daphne"][0], "ok": ok, "least_of_goal": round(least, 2)}
    print(json.dumps(head | {"viewers": viewers} | figures))
    return 0 if ok else 1


def against_peers(viewers: int, seconds: float) -> int:
    """The hub on both servers beside what others use for nothing but fan-out."""
    room, tickets = prepare(viewers)
    paths = [f"/ws/live/{room}?ticket={ticket}" for ticket in tickets]
    rows = {name: measure(f"{name}: hub, fast", name, "hub", paths, seconds, {"REDIS_URL": ""}) for name in GOALS}
    ours = {name: row.deliveries_s for name, row in rows.items()}
    best = max(ours.values())
    event = "x" * EVENT_BYTES
    print(f"{viewers} viewers, {EVENT_BYTES}-byte events, each server on one core")
    for name, rate in ours.items():
        print(f"{'liveshop on ' + name:24}{rate:>12,.0f}/s")
    figures: dict[str, object] = {name: round(rate) for name, rate in ours.items()}
    ok, least = all(row.complete for row in rows.values()), float("inf")
    if not ok:
        print("EVENTS OF LIVESHOP ARE MISSING")
    for name, peer in PEERS.items():
        rate = peer(viewers, seconds, event, pinned("0"))
        if rate is None:
            print(f"{name:24} is not installed here: left out")
            continue
        goal = PEER_GOALS[name]
        print(f"{name:24}{rate:>12,.0f}/s, liveshop {best / rate:.2f} times that")
        figures |= {name: round(rate), f"x_{name}": round(best / rate, 2), f"goal_{name}": goal}
        least = min(least, best / rate / goal)
        ok &= best / rate >= goal
    print(json.dumps({"bench": "fanout --peers", "ratio": round(least, 2) if least < float("inf") else 0, "goal": 1, "ok": ok, **figures}))
    return 0 if ok else 1


def measure_all(name: str, paths: list[str], seconds: float) -> list[Row]:
    """The stock consumer, the fast and the portable hub on one kind of server."""
    with redis() as redis_url:
        layer = "RedisPubSub" if redis_url else "in memory"
        stock = measure(
            f"{name}: stock consumer, {layer}", name, "stock", ["/bench/stock"] * len(paths), seconds, STOCK | {"REDIS_URL": redis_url}
        )
    fast = measure(f"{name}: hub, fast", name, "hub", paths, seconds, {"HUB_FAST_SINKS": "1"})
    portable = measure(f"{name}: hub, portable", name, "hub", paths, seconds, {"HUB_FAST_SINKS": "0"})
    return [stock, fast, portable]


def show(row: Row, stock: float) -> None:
    complete = "yes" if row.complete else "NO"
    print(f"{row.name:40}{row.deliveries_s:>14,.0f}{row.deliveries_s / stock:>9.1f}{row.cpu_us:>8.1f}{row.handshakes_s:>9,.0f}  {complete}")


def prepare(count: int) -> tuple[str, list[str]]:
    """A room in the database and one guest's ticket for each viewer."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.http import HttpRequest

    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import AnonymousUser

    from rooms.models import Room
    from rooms.realtime import tickets
    from tests import cast

    room = Room.objects.filter(slug="bench").first() or cast.make_room(
        cast.make_user(f"跑分{time.time_ns()}", username=f"bench{time.time_ns()}", phone=f"+86{time.time_ns() % 10**11:011d}"),
        live=False,
        slug="bench",
    )
    issued = []
    for number in range(count):
        request = HttpRequest()
        request.user = AnonymousUser()
        request.device = f"bench{number}"
        issued.append(tickets.issue(request, room))
    connection.close()
    return room.public_id, issued


def measure(name: str, on: str, kind: str, paths: list[str], seconds: float, environment: dict[str, str]) -> Row:
    """Start a server, join everybody, saturate it."""
    with server(environment, on) as (port, process):
        viewers = Viewers(port)
        try:
            handshakes = viewers.join(paths)
            control = Control(port)
            viewers.settle()
            writers = control.ask("sinks") if kind == "hub" else ""
            before = cpu_s(process.pid)
            rate, complete = saturate(viewers, control, kind, FRAME_BYTES, seconds)
            used = cpu_s(process.pid) - before
        finally:
            viewers.close()
    return Row(f"{name} {f'({writers})' if writers else ''}".strip(), rate, handshakes, used / (rate * seconds) * 1e6, complete)


@contextmanager
def server(environment: dict[str, str], on: str = "daphne") -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    port = free_port()
    command_of, ping = {"daphne": (servers.daphne, "--ping-interval"), "uvicorn": (servers.uvicorn, "--ws-ping-interval")}[on]
    command = [*pinned("0"), *command_of(host="127.0.0.1", port=port, application="bench._fanout_server:application")]
    command += [ping, "3600"]  # a ping among the frames would be counted as one
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                    break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError("the server does not answer")
        yield port, process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a throw-away Redis for the baseline's layer; empty where none is installed."""
    program = shutil.which("redis-server")
    if not program:
        yield ""
        return
    port = free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def pinned(core: str) -> list[str]:
    return ["taskset", "-c", core] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
