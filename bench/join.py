"""`bin/bench join`: handshakes per second with the room's sealed ticket, against AuthMiddlewareStack with database sessions.

Both on the same server in the same run. A socket with a ticket counts only if the room greets it: a refusal closes after the handshake.
"""

import argparse
import json
import statistics

from bench._viewers import Viewers
from bench.fanout import STOCK, prepare, server

GOALS = {"daphne": 600, "uvicorn": 1_500}
ROUNDS = 3


def main(argv: list[str]) -> int:
    """Print the table and the JSON line; 0 when both servers reach their goals."""
    options = argparse.ArgumentParser(prog="bin/bench join")
    options.add_argument("--quick", action="store_true", help="400 joins instead of 2,000")
    count = 400 if options.parse_args(argv).quick else 2_000
    room, tickets = prepare(count)
    cookies = [f"Cookie: sessionid={key}" for key in _sessions(count)]
    with_ticket = [f"/ws/live/{room}?ticket={ticket}" for ticket in tickets]
    print(f"{count:,} joins, the middle of {ROUNDS} rounds")
    print(f"{'server':10}{'with ticket/s':>16}{'with session/s':>16}{'ratio':>8}")
    figures: dict[str, object] = {}
    ok = True
    for name, goal in GOALS.items():
        ours, is_greeted = _rate(name, with_ticket, [], b'"t":"hello"')
        theirs, _none = _rate(name, ["/bench/session"] * count, cookies, b"", STOCK)
        print(f"{name:10}{ours:>16,.0f}{theirs:>16,.0f}{ours / theirs:>8.1f}")
        figures |= {name: round(ours), f"goal_{name}": goal, f"{name}_session": round(theirs), f"{name}_ratio": round(ours / theirs, 1)}
        ok &= ours >= goal and is_greeted
        if not is_greeted:
            print(f"{name:10}SOMEBODY WAS NOT GREETED")
    least = min(float(str(figures[name])) / goal for name, goal in GOALS.items())
    print(json.dumps({"bench": "join", "ratio": round(least, 2), "goal": 1, "ok": ok, **figures}))
    return 0 if ok else 1


def _rate(
    name: str, paths: list[str], headers: list[str], greeting: bytes, environment: dict[str, str] | None = None
) -> tuple[float, bool]:
    """Joins per second, and whether in every round everybody was greeted."""
    rates, is_greeted = [], True
    for _round in range(ROUNDS):
        with server({"REDIS_URL": ""} | (environment or {}), name) as (port, _process):
            viewers = Viewers(port)
            try:
                rates.append(viewers.join(paths, headers=headers))
                is_greeted &= viewers.all_hear(greeting)
            finally:
                viewers.close()
    return statistics.median(rates), is_greeted


def _sessions(count: int) -> list[str]:
    """The keys of so many signed-in sessions."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import connection

    from rooms.models import Room

    anchor = Room.objects.get(slug="bench").anchor
    keys = []
    for _each in range(count):
        session = SessionStore()
        session[SESSION_KEY] = str(anchor.pk)
        session[BACKEND_SESSION_KEY] = "accounts.backends.PasswordBackend"
        session[HASH_SESSION_KEY] = anchor.get_session_auth_hash()
        session.save()
        keys.append(session.session_key or "")
    connection.close()
    return keys
