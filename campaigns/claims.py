"""The doors to the claim engine: this process's one for event loops, and the same answers for threads."""

import asyncio
from uuid import UUID

from django.db import connection

from campaigns import announcements, judging
from campaigns.engine import ClaimEngine
from campaigns.memory import Kind, Target
from campaigns.outcomes import ClaimOutcome, Tap, from_row
from liveshop.refusals import Code
from rooms.realtime import posting

ANSWER_S = 20.0

_served: list[ClaimEngine] = []


def engine() -> ClaimEngine:
    """The engine of the running event loop's process; the first caller makes it."""
    loop = asyncio.get_running_loop()
    found: ClaimEngine | None = _served[0] if _served else None
    if found is None or (found.loop is not None and found.loop is not loop):
        found = ClaimEngine()
        _served[:] = [found]
    return found


async def finish() -> None:
    """Until every tap of this process is answered and told."""
    if _served:
        await _served[0].finish()


def claim_now(
    *, deal_id: int, user_id: int, key: UUID, phone_digest: bytes | None = None, device_digest: bytes | None = None
) -> ClaimOutcome:
    """One unit of a deal, for threads."""
    return ask_now(Target(Kind.DEAL, deal_id), Tap(user_id, key, phone_digest, device_digest))


def take_now(
    *, coupon_id: int, user_id: int, key: UUID, phone_digest: bytes | None = None, device_digest: bytes | None = None
) -> ClaimOutcome:
    """A coupon, for threads."""
    return ask_now(Target(Kind.COUPON, coupon_id), Tap(user_id, key, phone_digest, device_digest))


def ask_now(target: Target, tap: Tap) -> ClaimOutcome:
    """A tap from a thread: through the process's engine when one runs, else one call of the same function."""
    found = _served[0] if _served else None
    if found is None or found.loop is None or not found.loop.is_running() or connection.in_atomic_block:
        return _judge_alone(target, tap)
    waiting = asyncio.run_coroutine_threadsafe(found._ask(target, tap), found.loop)
    try:
        return waiting.result(ANSWER_S)
    except TimeoutError:
        return ClaimOutcome(Code.UNAVAILABLE.value)


def _judge_alone(target: Target, tap: Tap) -> ClaimOutcome:
    with connection.cursor() as cursor:
        cursor.execute(judging.JUDGE[target.kind], judging.arguments(target, [tap], 0, judging.ALONE))
        answer = from_row(cursor.fetchone())
        counted = None
        if answer.is_won and not connection.in_atomic_block:
            cursor.execute(judging.COUNTS[target.kind], [target.pk])
            counted = cursor.fetchone()
    if counted is not None and counted[0] is not None:
        posting.publish(counted[0], bars={counted[1]: list(counted[2:])})
    if answer.is_won and answer.facts.get("is_last"):
        announcements.sold_out(target)
    return answer
