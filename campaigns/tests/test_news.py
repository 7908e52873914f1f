"""The claim engine's news: bundled, told again when it is quiet, and complete before a process leaves."""

import asyncio
from typing import Any

import psycopg
import pytest

from campaigns import news
from campaigns.memory import Kind, Memory, Target

FIRST, SECOND = Target(Kind.DEAL, 1), Target(Kind.DEAL, 2)


class Told(news.News):
    """Writes down what it would tell; `failing` is told wrong once."""

    def __init__(self, failing: Target | None = None) -> None:
        super().__init__(Memory())
        self.told: list[Target] = []
        self.failing = failing

    async def _tell(self, line: Any, target: Target) -> None:
        await asyncio.sleep(0.01)
        if target == self.failing:
            self.failing = None
            raise psycopg.OperationalError
        self.told.append(target)


def during(told: Told, work: Any) -> list[Target]:
    async def run() -> None:
        task = asyncio.create_task(told.tell_forever())
        await work(told)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return told.told


async def all_told(told: Told) -> None:
    while not told.all_told:  # noqa: ASYNC110 - what is waited for changes in many places
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "NEWS_S", 0.05)
    monkeypatch.setattr(news, "ECHO_S", 0.2)


def test_a_hundred_changes_are_told_as_one_and_once_more_when_it_is_quiet() -> None:
    async def work(told: Told) -> None:
        for _ in range(100):
            told.note(FIRST)
        await all_told(told)
        assert told.told == [FIRST]
        await asyncio.sleep(0.5)

    assert during(Told(), work) == [FIRST, FIRST]


def test_all_is_told_only_when_the_last_one_is() -> None:
    async def work(told: Told) -> None:
        told.note(FIRST)
        await asyncio.sleep(0.005)
        told.note(SECOND)  # while the first is being told
        assert not told.all_told
        await all_told(told)
        assert told.told == [FIRST, SECOND]

    during(Told(), work)


def test_a_database_that_is_away_costs_no_other_target_its_news() -> None:
    async def work(told: Told) -> None:
        told.note(FIRST)
        told.note(SECOND)
        await all_told(told)
        assert told.told == [SECOND]
        await asyncio.sleep(0.5)

    assert set(during(Told(failing=FIRST), work)) == {FIRST, SECOND}
