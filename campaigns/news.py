"""What the claim engine tells rooms: stock bars of what changed, at most five times a second, and the places that memory gave out."""

import asyncio
from collections import defaultdict

import psycopg
import structlog

from campaigns import figures, judging
from campaigns.judging import Line
from campaigns.memory import Kind, Memory, Target
from rooms.realtime import posting
from rooms.realtime.hub import hub

NEWS_S = 0.2
ECHO_S = 1.0  # what two processes read and told in crossing order is told once more when it is quiet
log = structlog.get_logger(__name__)


class News:
    """`note` what changed; `tell_forever` in a task of its own; `all_told` says when nothing waits."""

    def __init__(self, memory: Memory) -> None:
        self.remembered: dict[str, int] = defaultdict(int)  # answers from memory that are not counted yet
        self._memory = memory
        self._changed: set[Target] = set()
        self._telling: set[Target] = set()
        self._echo: set[Target] = set()
        self._has_news = asyncio.Event()

    @property
    def all_told(self) -> bool:
        return not self._changed and not self._telling

    def note(self, target: Target) -> None:
        self._changed.add(target)
        self._has_news.set()

    async def tell_forever(self) -> None:
        """Until cancelled."""
        line = Line()
        try:
            while True:
                await self._wait()
                figures.note_remembered(self.remembered)
                while self._telling:
                    target = next(iter(self._telling))
                    try:
                        await self._tell(line, target)
                    except (psycopg.OperationalError, psycopg.InterfaceError):
                        await line.close()
                    except Exception:
                        log.exception("claims_news_failed")
                    finally:
                        self._telling.discard(target)
                await asyncio.sleep(NEWS_S)
        finally:
            await line.close()

    async def _wait(self) -> None:
        """Until there is something to tell: news, or what was told a quiet moment ago."""
        try:
            async with asyncio.timeout(ECHO_S if self._echo else None):
                await self._has_news.wait()
        except TimeoutError:
            self._telling, self._echo = self._echo, set()
            return
        self._has_news.clear()
        self._telling, self._changed = self._changed, set()
        self._echo |= self._telling

    async def _tell(self, line: Line, target: Target) -> None:
        unseen = self._memory.unseen.pop(target, 0)
        if unseen and target.kind is Kind.DEAL:
            await line.execute(judging.COUNT_UNSEEN, (unseen, target.pk))
        if hub.loop is not asyncio.get_running_loop():
            return  # no socket has joined this process
        for room_id, name, *counts in await line.rows(judging.COUNTS[target.kind], (target.pk,)):
            if room_id is not None:
                posting.publish(room_id, bars={name: counts})
