"""The claim layer against textbook Django and against a Redis gate, in one run, on one machine.

win: everybody gets a unit. gone: the deal is sold out, and everybody is told so. The textbook way is `atomic` with a
conditional update and an insert, in threads. The Redis gate is a Lua script (stock and buyers in memory, no order, not
durable), called once a tap as usually written, and pipelined in batches as well as it can be. The engine's answers are
committed rows. Every round is audited. Ratios hold, absolute figures drift. `--socket`: through a real server, see `_tapping`.
"""

import asyncio
import json
import os
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from bench import _database, _redis, _tapping
from liveshop import collector

GOALS = {"ratio": 40, "ratio_sold_out": 200, "ratio_redis": 2, "ratio_redis_pipelined": 0.8}
THREADS = 16
IN_FLIGHT = 5_000
ROUNDS = 3  # the middle one counts


@dataclass(frozen=True, slots=True)
class Result:
    """One round: how many answers a second, how long they took (ms), and whether the books agree."""

    taps: int
    rate: float
    p50: float
    p99: float
    is_exact: bool


def main(argv: list[str]) -> int:
    os.environ["DB_POOL_MAX"] = str(THREADS + 4)  # the textbook way gets a connection for each thread
    quick = "--quick" in argv
    with _database.fresh():
        if "--socket" in argv:
            return _tapping.main(quick)
        return _measure(5_000 if quick else 20_000, 500 if quick else 2_000)


def wins(people: int) -> Result:
    """The engine alone, everybody winning."""
    from tests.scarce import make_people

    users = [user.pk for user in make_people(people)]
    return _middle(lambda: _on_deal(users, len(users), engine))


def _measure(people: int, textbook_people: int) -> int:
    from tests.scarce import make_people

    users = [user.pk for user in make_people(people)]
    few = users[:textbook_people]
    rows = {
        ("win", "textbook"): _middle(lambda: _on_deal(few, len(few), textbook)),
        ("win", "engine"): _middle(lambda: _on_deal(users, len(users), engine)),
        ("gone", "textbook"): _middle(lambda: _on_deal(few, 0, textbook)),
        ("gone", "engine"): _middle(lambda: _on_deal(users * 5, 0, engine)),
    }
    with _redis.server() as address:
        if address:
            rows["win", "redis per tap"] = _middle(lambda: _on_redis(address, users, _redis.PerTap))
            rows["win", "redis pipelined"] = _middle(lambda: _on_redis(address, users, _redis.Pipelined))
        else:
            print("redis-server is not installed here: the Redis rounds are left out")
    print(f"{'work':6} {'way':16} {'taps':>8} {'answers/s':>10} {'p50 ms':>8} {'p99 ms':>8}  audit")
    for (work, way), row in rows.items():
        audit = "ok" if row.is_exact else "WRONG"
        print(f"{work:6} {way:16} {row.taps:8,} {row.rate:10,.0f} {row.p50:8.1f} {row.p99:8.1f}  {audit}")
    ratios = _ratios({key: row.rate for key, row in rows.items()})
    is_ok = all(row.is_exact for row in rows.values()) and all(ratio >= GOALS[name] for name, ratio in ratios.items())
    figures = {"wins_per_s": round(rows["win", "engine"].rate), "textbook_wins_per_s": round(rows["win", "textbook"].rate)}
    goals = {f"goal_{name}": goal for name, goal in GOALS.items() if name in ratios and name != "ratio"}
    print(json.dumps({"bench": "claims", **ratios, "goal": GOALS["ratio"], **goals, "ok": is_ok, **figures}))
    return 0 if is_ok else 1


def _ratios(rates: dict[tuple[str, str], float]) -> dict[str, float]:
    wins, gone = rates["win", "engine"], rates["gone", "engine"]
    ratios = {"ratio": wins / rates["win", "textbook"], "ratio_sold_out": gone / rates["gone", "textbook"]}
    if ("win", "redis per tap") in rates:
        ratios["ratio_redis"] = wins / rates["win", "redis per tap"]
        ratios["ratio_redis_pipelined"] = wins / rates["win", "redis pipelined"]
    return {name: round(ratio, 2 if ratio < 10 else 1) for name, ratio in ratios.items()}


def _middle(measure: Callable[[], Result]) -> Result:
    return sorted((measure() for _round in range(ROUNDS)), key=lambda result: result.rate)[ROUNDS // 2]


Answers = Sequence[tuple[bool, float]]


def _on_deal(users: Sequence[int], units: int, race: Callable[[Any, Sequence[int]], tuple[Answers, float]]) -> Result:
    """One race for a fresh deal; 0 units: its one unit went to somebody else before."""
    from campaigns.models import Claim
    from tests.scarce import all_claim, make_deal, make_people

    deal = make_deal(total=units or 1)
    if not units:
        all_claim(deal, [make_people(1)[0].pk])
        deal.refresh_from_db()
    answers, took = race(deal, users)
    deal.refresh_from_db()
    claims = Claim.objects.filter(deal=deal)
    won = sum(won for won, _wait in answers)
    is_exact = won == min(units, len(users)) and len(answers) == len(users) and deal.available == deal.total - deal.held
    is_exact &= claims.count() == claims.values("user").distinct().count() == deal.held == max(won, 1)
    return _result(answers, took, is_exact)


def _result(answers: Answers, took: float, is_exact: bool) -> Result:
    waits = sorted(wait * 1000 for _won, wait in answers)
    return Result(len(waits), len(waits) / took, statistics.median(waits), waits[int(len(waits) * 0.99)], is_exact)


def engine(deal: Any, users: Sequence[int]) -> tuple[Answers, float]:
    """Everybody taps, IN_FLIGHT at a time."""
    from campaigns.memory import Kind, Target
    from campaigns.outcomes import ClaimOutcome, Tap
    from tests.scarce import with_engine

    target = Target(Kind.DEAL, deal.pk)
    taps = [Tap(user_id, uuid.uuid4()) for user_id in users]

    async def work(engine: Any) -> tuple[Answers, float]:
        # As a running process is: connected, and aware of what is gone. Nobody's tap on an open deal wins nothing.
        await engine.claim(deal_id=deal.pk, user_id=0 if deal.available else users[0], key=uuid.uuid4())
        while not deal.available and not engine.memory.knows(target):  # noqa: ASYNC110 - it looks once, after its first answer
            await asyncio.sleep(0.001)
        return await in_flight(lambda nth: engine.ask(target, taps[nth]), len(taps), ClaimOutcome)

    with collector.tuned():  # as liveshop.asgi does
        return with_engine(work)  # type: ignore[no-any-return]


async def in_flight(ask: Callable[[int], Any], count: int, at_once: type) -> tuple[Answers, float]:
    """Ask `count` times with IN_FLIGHT unanswered at any moment; an answer is an outcome of type `at_once` or a future of one."""
    answers: list[tuple[bool, float]] = []
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asked, clock = 0, time.perf_counter

    def go_on() -> None:
        nonlocal asked
        while asked < count:
            began = clock()
            answer = ask(asked)
            asked += 1
            if not isinstance(answer, at_once):
                answer.add_done_callback(partial(finish, began))
                return
            answers.append((answer.is_won, clock() - began))

    def finish(began: float, future: Any) -> None:
        answers.append((future.result().is_won, clock() - began))
        go_on()
        if len(answers) == count and not done.done():
            done.set_result(None)

    started = clock()
    for _slot in range(IN_FLIGHT):
        go_on()
    if len(answers) < count:
        await done
    return answers, clock() - started


def _on_redis(address: str, users: Sequence[int], gate: type[Any]) -> Result:
    async def work() -> tuple[Answers, float, bool]:
        async with gate(address, units=len(users)) as opened:
            answers, took = await in_flight(lambda nth: asyncio.ensure_future(opened.claim(users[nth])), len(users), _redis.Answer)
            return answers, took, await opened.sold() == len(users)

    with collector.tuned():  # what helps us helps them
        answers, took, is_exact = asyncio.run(_with(work))
    return _result(answers, took, is_exact and all(won for won, _wait in answers))


async def _with(work: Callable[[], Awaitable[Any]]) -> Any:
    return await work()


def textbook(deal: Any, users: Sequence[int], threads: int = THREADS) -> tuple[Answers, float]:
    """What most shops write, in `threads` threads; 0: in this one."""
    from django.db import IntegrityError, connection, transaction
    from django.db.models import F
    from django.utils import timezone

    from campaigns.models import Claim, Deal

    def tap(user_id: int) -> tuple[bool, float]:
        began = time.perf_counter()
        try:
            with transaction.atomic():
                until = timezone.now() + timedelta(minutes=5)
                won = Deal.objects.filter(pk=deal.pk, available__gt=0).update(available=F("available") - 1, held=F("held") + 1)
                if won:
                    Claim.objects.create(deal=deal, user_id=user_id, key=uuid.uuid4(), place=0, expires_at=until)
        except IntegrityError:
            won = 0
        return bool(won), time.perf_counter() - began

    def crowd(part: Sequence[int]) -> list[tuple[bool, float]]:
        try:
            return [tap(user_id) for user_id in part]
        finally:
            connection.close()

    started = time.perf_counter()
    if not threads:
        return crowd(users), time.perf_counter() - started
    with ThreadPoolExecutor(threads) as pool:
        answers = [answer for part in pool.map(crowd, [users[n::threads] for n in range(threads)]) for answer in part]
    return answers, time.perf_counter() - started
