"""The claim layer against textbook Django, in the same run, on the same database and rows.

W2: everybody wins. W1: few units, many people, sold out almost at once. The textbook way is `atomic` with
`select_for_update` and two writes, in threads; both are audited after each round. Ratios hold, absolute figures drift.
"""

import asyncio
import json
import os
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

GOAL = 10
GOAL_SOLD_OUT = 5  # the textbook "no" is one locked read, so less can be won
THREADS = 16


def main(argv: list[str]) -> int:
    os.environ["DB_POOL_MAX"] = str(THREADS + 4)  # the textbook way gets a connection for each thread
    import django

    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    quick = "--quick" in argv
    old = setup_databases(verbosity=0, interactive=False)
    try:
        return _measure(4_000 if quick else 20_000, 400 if quick else 2_000)
    finally:
        from django.db import connections

        connections.close_all()
        teardown_databases(old, verbosity=0)


def _measure(people: int, textbook_people: int) -> int:
    from tests.scarce import make_people

    users = [user.pk for user in make_people(people)]
    few = users[:textbook_people]
    rows = [
        ("W2 everybody wins", "textbook", *_round(few, len(few), _textbook)),
        ("W2 everybody wins", "engine", *_round(users, len(users), _engine)),
        ("W1 sold out", "textbook", *_round(few, max(1, len(few) // 40), _textbook)),
        ("W1 sold out", "engine", *_round(users, max(1, len(users) // 40), _engine)),
    ]
    print(f"{'workload':20} {'way':10} {'taps':>7} {'taps/s':>9} {'p50 ms':>8} {'p99 ms':>8}  audit")
    for work, way, taps, rate, p50, p99, audit in rows:
        print(f"{work:20} {way:10} {taps:7,} {rate:9,.0f} {p50:8.1f} {p99:8.1f}  {'ok' if audit else 'WRONG'}")
    w2, w1 = rows[1][3] / rows[0][3], rows[3][3] / rows[2][3]
    is_ok = all(row[-1] for row in rows) and w2 >= GOAL and w1 >= GOAL_SOLD_OUT
    result = {"bench": "claims", "ratio": round(w2, 1), "goal": GOAL, "ok": is_ok, "ratio_sold_out": round(w1, 1)}
    print(json.dumps(result | {"wins_per_s": round(rows[1][3]), "textbook_wins_per_s": round(rows[0][3])}))
    return 0 if is_ok else 1


Race = Callable[[Any, Sequence[int]], list[tuple[bool, float]]]


def _round(users: Sequence[int], units: int, race: Race) -> tuple[int, float, float, float, bool]:
    """One race for a fresh deal: taps, taps/s, p50, p99 (ms) and whether the audit holds."""
    from campaigns.models import Claim
    from tests.scarce import make_deal

    deal = make_deal(total=units)
    began = time.perf_counter()
    answers = race(deal, users)
    took = time.perf_counter() - began
    waits = sorted(wait * 1000 for _won, wait in answers)
    deal.refresh_from_db()
    claims = Claim.objects.filter(deal=deal)
    won = sum(won for won, _wait in answers)
    audit = won == min(units, len(users)) == claims.count() == claims.values("user").distinct().count() == deal.held
    p99 = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
    return len(users), len(users) / took, statistics.median(waits), p99, audit and deal.available == deal.total - deal.held


def _engine(deal: Any, users: Sequence[int]) -> list[tuple[bool, float]]:
    from tests.scarce import with_engine

    async def tap(engine: Any, user_id: int) -> tuple[bool, float]:
        began = time.perf_counter()
        outcome = await engine.claim(deal_id=deal.pk, user_id=user_id, key=uuid.uuid4())
        return outcome.is_won, time.perf_counter() - began

    async def work(engine: Any) -> list[tuple[bool, float]]:
        answers: list[tuple[bool, float]] = []
        for start in range(0, len(users), 5000):
            answers += await asyncio.gather(*[tap(engine, user_id) for user_id in users[start : start + 5000]])
        return answers

    return with_engine(work)  # type: ignore[no-any-return]


def _textbook(deal: Any, users: Sequence[int]) -> list[tuple[bool, float]]:
    from django.db import connection, transaction
    from django.utils import timezone

    from campaigns.models import Claim, Deal

    def tap(user_id: int) -> tuple[bool, float]:
        began = time.perf_counter()
        with transaction.atomic():
            locked = Deal.objects.select_for_update().get(pk=deal.pk)
            won = locked.available > 0 and not Claim.objects.filter(deal=locked, user_id=user_id, state__in=[1, 2, 3]).exists()
            if won:
                locked.available, locked.held, locked.attempts = locked.available - 1, locked.held + 1, locked.attempts + 1
                locked.save(update_fields=["available", "held", "attempts"])
                until = timezone.now() + timedelta(minutes=5)
                Claim.objects.create(deal=locked, user_id=user_id, key=uuid.uuid4(), place=locked.attempts, expires_at=until)
        return won, time.perf_counter() - began

    def crowd(part: Sequence[int]) -> list[tuple[bool, float]]:
        try:
            return [tap(user_id) for user_id in part]
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return [answer for answers in pool.map(crowd, [users[n::THREADS] for n in range(THREADS)]) for answer in answers]
