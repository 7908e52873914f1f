"""A synthetic crowd over real sockets: each viewer joins by a ticket, talks, taps, claims and reconnects like a browser."""

import asyncio
import json
import random
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

# What a crowd says: "hello", "questions", "praise", "eager", "won", "missed".
TALK: dict[str, list[str]] = json.loads((Path(__file__).parent / "data" / "talk.json").read_text(encoding="utf-8"))
DEAL = re.compile(r'data-deal="(?P<deal>\w+)"[^>]*?data-starts="(?P<starts>\d+)"[^>]*?data-state="open"', re.DOTALL)
COUPON = re.compile(r'data-coupon="(?P<coupon>\w+)"')
REMEMBERED = 1000  # far more than a rehearsal brings
HUMAN_DELAY_S = (0.25, 1.8)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile liveshop-crowd"


@dataclass(frozen=True, slots=True)
class Mood:
    """How lively a viewer is; all rates per second."""

    talk: float
    like: float
    claims: float
    stays_s: float


@dataclass(slots=True)
class Ear:
    """What reached one viewer: whether a state was missed, when each came, how long her taps waited for their answers."""

    frames: int = 0
    gaps: int = 0
    joined: int = 0
    # (seq, epoch seconds) and ("WON" or a refusal's code, seconds): the newest, a demo's crowd listens for days
    states: deque[tuple[int, float]] = field(default_factory=partial(deque, maxlen=REMEMBERED))
    answers: deque[tuple[str, float]] = field(default_factory=partial(deque, maxlen=REMEMBERED))
    _known: int = -1
    _asked: dict[str, float] = field(default_factory=dict)

    @property
    def unanswered(self) -> int:
        """Taps still without an answer."""
        return len(self._asked)

    def asked(self, key: str) -> None:
        """She taps for a unit."""
        self._asked[key] = time.perf_counter()

    def took_back(self, key: str) -> None:
        """Her tap did not leave the phone."""
        self._asked.pop(key, None)

    def hear(self, message: dict[str, Any]) -> None:
        """A frame of the server."""
        self.frames += 1
        if message["t"] == "hello":
            self.joined += 1
            self._known = message["seq"]
        elif message["t"] == "state" and message["seq"] > self._known:
            # A frame covers all events after `since`: one that begins later than what she knew left something out.
            self.gaps += message.get("since", 0) > self._known
            self._known = message["seq"]
            self.states.append((message["seq"], time.time()))
        elif message["t"] == "reply" and (asked_at := self._asked.pop(str(message.get("id")), None)) is not None:
            code = "WON" if message["ok"] else str(message["refused"]["code"])
            self.answers.append((code, time.perf_counter() - asked_at))


@dataclass(slots=True)
class Viewer:
    """One synthetic person in one room; `ticket` fetches a join ticket, in a thread. A guest only watches."""

    server: str
    room: str
    ticket: Callable[[], str]
    mood: Mood
    is_guest: bool = False
    talk: dict[str, list[str]] = field(default_factory=lambda: TALK)
    ear: Ear = field(default_factory=Ear)
    seen: set[str] = field(default_factory=set)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def live(self) -> None:
        """Stay, leave, come back: until cancelled."""
        while True:
            try:
                async with asyncio.timeout(random.expovariate(1 / self.mood.stays_s) + 20):
                    await self._visit()
            except* (TimeoutError, OSError, WebSocketException, ValueError):
                pass  # left, cut off, or the site restarts: she comes back like anybody
            await asyncio.sleep(random.uniform(2, 12))

    async def _visit(self) -> None:
        ticket = await asyncio.to_thread(self.ticket)
        url = f"{self.server.replace('http', 'ws', 1)}/ws/live/{self.room}?{urlencode({'ticket': ticket})}"
        async with connect(url, user_agent_header=PHONE, max_size=2**21) as socket:
            habits = [self._listen(socket), self._beat(socket)]
            if not self.is_guest:
                habits += [self._chat(socket), self._like(socket)]
            async with asyncio.TaskGroup() as group:
                for habit in habits:
                    group.create_task(habit)

    async def _listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            self.ear.hear(message)
            for html in message.get("panels", {}).values():
                self._notice(socket, html)
            if message["t"] == "reply" and "claim" in message and random.random() < 0.3:
                self._later(self._comment(socket, "won"))

    def _notice(self, socket: ClientConnection, html: str) -> None:
        if self.is_guest:
            return
        for found in DEAL.finditer(html):
            if found["deal"] not in self.seen and random.random() < self.mood.claims:
                self._later(self._claim(socket, found["deal"], int(found["starts"]) / 1000))
            self.seen.add(found["deal"])
        for found in COUPON.finditer(html):
            if found["coupon"] not in self.seen and random.random() < self.mood.claims:
                self._later(self._take(socket, found["coupon"]))
            self.seen.add(found["coupon"])

    async def _claim(self, socket: ClientConnection, deal: str, starts_s: float) -> None:
        await asyncio.sleep(max(0, starts_s - time.time()) + random.uniform(*HUMAN_DELAY_S))
        key = str(uuid.uuid4())
        self.ear.asked(key)
        try:
            await self._say(socket, {"c": "claim", "id": key, "deal": deal})
        except (OSError, WebSocketException):
            self.ear.took_back(key)
            raise
        if random.random() < 0.2:
            await self._comment(socket, "eager")

    async def _comment(self, socket: ClientConnection, topic: str) -> None:
        await asyncio.sleep(random.uniform(0.5, 3))
        await self._say(socket, {"c": "chat", "id": str(uuid.uuid4()), "text": random.choice(self.talk[topic])})

    async def _take(self, socket: ClientConnection, coupon: str) -> None:
        await asyncio.sleep(random.uniform(1, 8))
        await self._say(socket, {"c": "take_coupon", "id": str(uuid.uuid4()), "coupon": coupon})

    async def _beat(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(20)
            await self._say(socket, {"c": "beat"})

    async def _chat(self, socket: ClientConnection) -> None:
        await asyncio.sleep(random.uniform(1, 30))
        topic = "hello"
        while True:
            await self._say(socket, {"c": "chat", "id": str(uuid.uuid4()), "text": random.choice(self.talk[topic])})
            topic = random.choices(["questions", "praise", "eager"], [5, 4, 1])[0]
            await asyncio.sleep(random.expovariate(self.mood.talk) + 2)

    async def _like(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(random.expovariate(self.mood.like))
            await self._say(socket, {"c": "like", "n": random.randint(1, 9)})

    @staticmethod
    async def _say(socket: ClientConnection, frame: dict[str, Any]) -> None:
        await socket.send(json.dumps(frame, ensure_ascii=False))

    def _later(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(errand))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @staticmethod
    async def _quietly(errand: Coroutine[Any, Any, None]) -> None:
        with suppress(OSError, WebSocketException):  # the viewer left meanwhile, as people do
            await errand
