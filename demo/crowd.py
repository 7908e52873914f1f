"""A synthetic crowd over real sockets: each viewer joins by a ticket, talks, taps, claims and reconnects like a browser.

Rates follow public live rooms: a middle room talks 2.7 lines/s at most, a small one a line a minute.
"""

import asyncio
import json
import random
import re
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

DEAL = re.compile(r'data-deal="(?P<deal>\w+)"[^>]*?data-starts="(?P<starts>\d+)"[^>]*?data-state="open"', re.DOTALL)
COUPON = re.compile(r'data-coupon="(?P<coupon>\w+)"')
HUMAN_DELAY_S = (0.25, 1.8)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile liveshop-demo"


@dataclass(frozen=True, slots=True)
class Mood:
    """How lively a viewer is; all rates per second."""

    talk: float
    like: float
    claims: float
    stays_s: float


@dataclass(slots=True)
class Viewer:
    """One synthetic person in one room. `session` is the cookie of a demo account, empty for a guest who only watches."""

    base: str
    slug: str
    room: str
    session: str
    mood: Mood
    talk: dict[str, list[str]]
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
        ticket = await asyncio.to_thread(self._ticket)
        url = f"{self.base.replace('http', 'ws', 1)}/ws/live/{self.room}?{urlencode({'ticket': ticket['ticket']})}"
        async with connect(url, user_agent_header=PHONE, max_size=2**21) as socket:
            habits = [self._listen(socket), self._beat(socket)]
            if self.session:
                habits += [self._chat(socket), self._like(socket)]
            async with asyncio.TaskGroup() as group:
                for habit in habits:
                    group.create_task(habit)

    def _ticket(self) -> dict[str, Any]:
        request = Request(f"{self.base}/live/{self.slug}/ticket", headers={"Cookie": f"sessionid={self.session}", "User-Agent": PHONE})  # noqa: S310 - our own server
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
        return found

    async def _listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            for html in json.loads(text).get("panels", {}).values():
                self._notice(socket, html)

    def _notice(self, socket: ClientConnection, html: str) -> None:
        if not self.session:
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
        await self._say(socket, {"c": "claim", "id": str(uuid.uuid4()), "deal": deal})
        if random.random() < 0.2:
            await asyncio.sleep(random.uniform(0.5, 3))
            await self._say(socket, {"c": "chat", "id": str(uuid.uuid4()), "text": random.choice(self.talk["eager"])})

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

    def _later(self, errand: Any) -> None:
        task = asyncio.create_task(self._quietly(errand))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @staticmethod
    async def _quietly(errand: Any) -> None:
        with suppress(OSError, WebSocketException):  # the viewer left meanwhile, as people do
            await errand
