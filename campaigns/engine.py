"""The claim engine: taps wait in a queue, go to the database in batches, and are answered after the commit.

One engine a process, in its event loop. While one batch commits the next one fills: no timers, latency follows load. The
database decides every win (`campaigns_claim_batch`, `campaigns_coupon_batch`); memory only ever says no. See docs/scarcity.md.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from contextvars import Context
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.conf import settings

from campaigns import announcements, figures, judging
from campaigns.judging import Line
from campaigns.memory import Kind, Memory, Note, Target
from campaigns.news import News
from campaigns.outcomes import ClaimOutcome, Tap, from_row
from campaigns.queues import Answer, Ask, Queue
from liveshop import bus
from liveshop.ids import public_id
from liveshop.leaving import until
from liveshop.refusals import Code

MAX_BATCH = 1000
FLUSHERS = 3  # one target is given all but one: who waits for a locked deal keeps nobody from another
RETRY_S = 0.1
log = structlog.get_logger(__name__)
_REMEMBERED = {Code.SOLD_OUT, Code.NOT_STARTED, Code.ENDED, Code.FROZEN}


class ClaimEngine:
    """`await claim(…)` or `take(…)` in any task; started by the first one, in that task's event loop."""

    def __init__(self, *, listens: bus.Bus | None = None, flushers: int = FLUSHERS, max_batch: int = MAX_BATCH) -> None:
        self.memory = Memory()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.batches = 0
        self.news = News(self.memory)
        self._listens = listens or bus.bus
        self._flushers = flushers
        self._max_batch = max_batch
        self._queues: dict[Target, Queue] = {}
        self._depth = 0
        self._depth_max: int = settings.CLAIM_QUEUE_MAX
        self._ready: asyncio.Queue[Target] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._listens.subscribe("deal", self._changed)
        self._listens.subscribe(bus.RECONNECTED, lambda _payload: self.memory.forget_all())

    @property
    def depth(self) -> int:
        """How many taps wait for an answer."""
        return self._depth

    async def claim(
        self, *, deal_id: int, user_id: int, key: UUID, phone_digest: bytes | None = None, device_digest: bytes | None = None
    ) -> ClaimOutcome:
        """One unit of a deal, or why not. Asking again with the same key gives the same answer."""
        return await self._ask(Target(Kind.DEAL, deal_id), Tap(user_id, key, phone_digest, device_digest))

    async def take(
        self, *, coupon_id: int, user_id: int, key: UUID, phone_digest: bytes | None = None, device_digest: bytes | None = None
    ) -> ClaimOutcome:
        """One coupon, or why not; the same rules."""
        return await self._ask(Target(Kind.COUPON, coupon_id), Tap(user_id, key, phone_digest, device_digest))

    def start(self) -> None:
        """Begin to work in the running event loop; a second call does nothing."""
        if self._tasks:
            return
        self.loop = asyncio.get_running_loop()
        self._listens.start()
        # In contexts of their own, else their log lines would carry the ids of the first tap for ever.
        work = [self._flush_forever() for _ in range(self._flushers)]
        self._tasks = [self.loop.create_task(errand, context=Context()) for errand in (*work, self.news.tell_forever())]

    async def finish(self) -> None:
        """Until every tap is answered and the rooms know of it."""
        await until(lambda: self._depth == 0 and self.news.all_told)

    async def stop(self) -> None:
        """Stop working; whoever still waits is told that the site is unavailable."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for queue in self._queues.values():
            for ask in queue.open.values():
                ask.tell(ClaimOutcome(Code.UNAVAILABLE.value))
        self._queues.clear()
        self._depth = 0

    def ask(self, target: Target, tap: Tap) -> ClaimOutcome | Answer:
        """What memory knows already, at once; else the answer to come. Needs no task of its own."""
        self.start()
        remembered = self.memory.recall(target, tap)
        if remembered is not None:
            self.news.remembered[remembered.code] += 1
            self.news.note(target)
            return remembered
        queue = self._queues.get(target)
        if queue is None:
            queue = self._queues[target] = Queue()
        earlier = queue.open.get(tap.user_id)
        if earlier is not None:
            return asyncio.ensure_future(self._after(earlier, target, tap))
        if self._depth >= self._depth_max:
            return ClaimOutcome(Code.RATE_LIMITED.value, facts={"wait_s": 1})
        ask = Ask(tap, asyncio.get_running_loop().create_future())
        queue.open[tap.user_id] = queue.waiting[tap.user_id] = ask
        self._depth += 1
        self._make_ready(target, queue)
        return ask.answer

    async def _ask(self, target: Target, tap: Tap) -> ClaimOutcome:
        answer = self.ask(target, tap)
        return answer if isinstance(answer, ClaimOutcome) else await answer

    async def _after(self, earlier: Ask, target: Target, tap: Tap) -> ClaimOutcome:
        """A double tap: the same key shares the answer, another key hears after the first what is left for it."""
        shared: Answer = asyncio.get_running_loop().create_future()
        earlier.doubles.append(shared)
        answer = await shared
        if earlier.tap.key == tap.key:
            return answer
        if target.kind is Kind.DEAL and answer.is_won:
            return ClaimOutcome(Code.ALREADY_CLAIMED.value, answer.claim, answer.place, answer.expires_at)
        return await self._ask(target, tap)

    def _make_ready(self, target: Target, queue: Queue) -> None:
        if not queue.is_ready:
            queue.is_ready = True
            self._ready.put_nowait(target)

    def _cut(self, target: Target) -> list[Ask]:
        """The next batch of one target; what is left goes behind the other targets, so that none starves."""
        queue = self._queues.get(target)
        if queue is None:
            return []
        queue.is_ready = False
        if queue.in_flight >= max(1, self._flushers - 1):
            return []  # the batch that lands first calls for the next
        if len(queue.waiting) <= self._max_batch:
            batch, queue.waiting = list(queue.waiting.values()), {}
            return batch
        batch = list(islice(queue.waiting.values(), self._max_batch))
        for ask in batch:
            del queue.waiting[ask.tap.user_id]
        self._make_ready(target, queue)
        return batch

    @contextlib.contextmanager
    def _in_flight(self, target: Target) -> Iterator[None]:
        queue = self._queues[target]
        queue.in_flight += 1
        try:
            yield
        finally:
            queue.in_flight -= 1
            if queue.waiting:
                self._make_ready(target, queue)

    def _close(self, target: Target, batch: Sequence[Ask]) -> None:
        """These are answered: their people may ask again."""
        queue = self._queues[target]
        for ask in batch:
            del queue.open[ask.tap.user_id]
        self._depth -= len(batch)
        if not queue.open:
            del self._queues[target]

    async def _flush_forever(self) -> None:
        """Take what waits, judge it in one call, answer after the commit; for ever."""
        line = Line(holder=public_id())
        try:
            while True:
                target = await self._ready.get()
                await asyncio.sleep(0)  # what arrived in the same turn of the loop comes along
                batch = self._cut(target)
                try:
                    if batch:
                        with self._in_flight(target):
                            await self._flush(line, target, batch)
                except Exception:  # its people were answered; those who come next need this flusher
                    log.exception("claims_flush_stumbled")
        finally:
            await line.close()

    async def _flush(self, line: Line, target: Target, batch: list[Ask]) -> None:
        unseen = self.memory.unseen.pop(target, 0)
        figures.DEPTH.set(self._depth)
        began = time.monotonic()
        try:
            answers = await self._judge(line, target, [ask.tap for ask in batch], unseen)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            log.warning("claims_database_away", error=str(error), people=len(batch))
            self._close(target, batch)
            for ask in batch:
                ask.tell(ClaimOutcome(Code.UNAVAILABLE.value))
        except Exception as error:
            log.exception("claims_batch_failed", people=len(batch))
            self._close(target, batch)
            for ask in batch:
                ask.fail(error)
        else:
            self.batches += 1
            self._close(target, batch)
            figures.note_batch(target.kind, [answer.code for answer in answers], time.monotonic() - began, self._depth)
            for ask, answer in zip(batch, answers, strict=True):
                ask.tell(answer)
            self.news.note(target)
            self._announce(target, answers)
            await self._remember(line, target, answers)

    async def _judge(self, line: Line, target: Target, taps: Sequence[Tap], unseen: int) -> list[ClaimOutcome]:
        """The database's answers in the order of the taps. A database that went away is asked the same again: the keys make it safe."""
        holder = line.holder
        deadline = time.monotonic() + settings.DATABASE_PATIENCE_S
        while True:
            try:
                async with asyncio.timeout(deadline - time.monotonic()):  # a database that is frozen never fails by itself
                    rows = await line.rows(judging.JUDGE[target.kind], judging.arguments(target, taps, unseen, holder))
                return [from_row(row) for row in rows]
            except psycopg.errors.UniqueViolation:  # one person at two holders at once
                if holder == judging.ALONE:
                    raise
                holder = judging.ALONE
            except TimeoutError as silence:
                await line.close()
                raise psycopg.OperationalError("no answer") from silence
            except (psycopg.OperationalError, psycopg.InterfaceError):
                await line.close()
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(RETRY_S)

    async def _remember(self, line: Line, target: Target, answers: Sequence[ClaimOutcome]) -> None:
        """After a "no" that holds for everybody, look once and remember it."""
        code = next((Code(answer.code) for answer in answers if answer.code in _REMEMBERED), None)
        if code is None or self.memory.knows(target):
            return
        seen_at = self.memory.generation(target)
        facts = next((answer.facts for answer in answers if answer.code == code), {})
        with contextlib.suppress(psycopg.OperationalError, psycopg.InterfaceError):  # the next batch reconnects
            rows = await line.rows(judging.LOOK[target.kind], (target.pk,))
            if not rows:
                return  # deleted meanwhile
            is_gone, place, total, sold_out_at, starts_at, owners = rows[0]
            if code is Code.SOLD_OUT and not is_gone:
                return
            note = Note(code, self.memory.deadline(), judging.people(owners), place, total, sold_out_at, starts_at, facts)
            if self.memory.note(target, note, seen_at):
                self._refuse_waiting(target)

    def _refuse_waiting(self, target: Target) -> None:
        """Who still waits in the queue hears the remembered "no" at once."""
        queue = self._queues.get(target)
        if queue is None:
            return
        known = [(ask, answer) for ask in queue.waiting.values() if (answer := self.memory.recall(target, ask.tap)) is not None]
        for ask, _answer in known:
            del queue.waiting[ask.tap.user_id]
        self._close(target, [ask for ask, _answer in known])
        for ask, answer in known:
            ask.tell(answer)

    def _changed(self, payload: dict[str, Any]) -> None:
        """The bus says that units came back or a state changed."""
        target = Target(Kind(payload.get("kind", Kind.DEAL)), int(payload["id"]))
        self.memory.forget(target)
        if self._tasks:
            self.news.note(target)

    def _announce(self, target: Target, answers: Sequence[ClaimOutcome]) -> None:
        """The batch that took the last unit tells the room."""
        if any(answer.is_won and answer.facts.get("is_last") for answer in answers):
            announcements.sold_out_soon(target)
