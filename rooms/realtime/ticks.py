"""What one tick carries: chat lines at a rate people can read, and one latest number for everything else."""

import time
from collections import deque
from typing import Any

LINES_PER_S = 22
BURST = 25
MAX_WAITING = 60  # more than this is not shown live; the line stays in the history


class Tick:
    """Collects news between two flushes."""

    def __init__(self) -> None:
        self._lines: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING)
        self._gone: list[str] = []
        self._numbers: dict[str, Any] = {}
        self._bars: dict[str, list[int]] = {}
        self._allowance = float(BURST)
        self._counted_at = time.monotonic()

    @property
    def has_more(self) -> bool:
        """Lines wait for the next tick."""
        return bool(self._lines)

    def add(
        self,
        *,
        chat: list[dict[str, Any]] | None = None,
        gone: list[str] | None = None,
        bars: dict[str, list[int]] | None = None,
        numbers: dict[str, int] | None = None,
    ) -> None:
        """`chat`: lines as dicts with id, html and key; `gone`: public ids of deleted lines; `numbers`: likes, online, views; `bars`: stock."""
        self._lines.extend(chat or [])
        if gone:
            self._gone += gone
            self._lines = deque((line for line in self._lines if line["id"] not in set(gone)), maxlen=MAX_WAITING)
        self._numbers.update(numbers or {})
        self._bars.update(bars or {})

    def take(self) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """(everything, talk alone) of this tick; (None, {}) when there is nothing to say."""
        talk: dict[str, Any] = {}
        lines = [self._lines.popleft() for _ in range(min(len(self._lines), self._allow()))]
        self._allowance -= len(lines)
        if lines:
            talk["chat"] = lines
        if self._gone:
            talk["gone"], self._gone = self._gone, []
        ambience: dict[str, Any] = dict(self._numbers)
        if self._bars:
            ambience["bars"] = self._bars
        self._numbers, self._bars = {}, {}
        full = {**talk, **ambience}
        # A tick asked for without news still goes out: it carries the server's clock and lets slow sockets recover.
        return full, talk

    def _allow(self) -> int:
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._counted_at) * LINES_PER_S)
        self._counted_at = now
        return int(self._allowance)
