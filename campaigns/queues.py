"""Taps that wait for the claim engine, by target and person."""

import asyncio
from dataclasses import dataclass, field

from campaigns.outcomes import ClaimOutcome, Tap

Answer = asyncio.Future[ClaimOutcome]


@dataclass(slots=True)
class Ask:
    """A tap that waits for its answer, and the double taps that wait with it."""

    tap: Tap
    answer: Answer
    doubles: list[Answer] = field(default_factory=list)

    def tell(self, outcome: ClaimOutcome) -> None:
        """Answer whoever still listens."""
        for answer in (self.answer, *self.doubles):
            if not answer.done():
                answer.set_result(outcome)

    def fail(self, error: Exception) -> None:
        for answer in (self.answer, *self.doubles):
            if not answer.done():
                answer.set_exception(error)


@dataclass(slots=True)
class Queue:
    """The taps on one target, by person: those that wait for the next batch, and all that are unanswered."""

    waiting: dict[int, Ask] = field(default_factory=dict)
    open: dict[int, Ask] = field(default_factory=dict)
    is_ready: bool = False
    in_flight: int = 0  # batches that the database judges now
