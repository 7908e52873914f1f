"""The performance: a crowd over real sockets, watched until the drop is over, somebody ends it, or the time is up."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.utils import translation

from accounts.models import User
from campaigns import deals
from campaigns.models import Rehearsal, RehearsalState
from campaigns.rehearsal import bookings, scenery, scoring, witness
from liveshop.clock import now
from liveshop.threads import in_thread
from rooms.crowd import Ear, Mood, Viewer
from rooms.models import ChatLine, Room
from rooms.realtime import tickets

LINES_PER_S = 2.5
ARRIVE_S = 0.05  # a head
LOOK_S = 1.0
TAIL_S = 8  # after the last unit: to hear what she says, and the crowd
log = structlog.get_logger(__name__)


class BrokenOff(Exception):
    """It ends without a score; the argument says why."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at the rehearsal from outside."""

    wish: str
    is_going_on: bool
    is_on_air: bool
    over_at: datetime | None


async def perform(public_id: str) -> None:
    """The whole of it, from the built stage to the struck one."""
    rehearsal = await in_thread(Rehearsal.objects.select_related("room__anchor", "sku__product", "by").get)(public_id=public_id)
    try:
        built = await in_thread(bookings.begin)(rehearsal)
        if built is None:
            return
        log.info("rehearsal_begun", rehearsal=public_id, crowd=len(built.crowd))
        heard = await _play(rehearsal, built)
        conduct = await in_thread(witness.conduct)(rehearsal, built.room)
        score = scoring.score(heard, conduct)
        await in_thread(_end)(rehearsal, RehearsalState.SCORED, "", score)
    except BrokenOff as broken:
        await in_thread(_end)(rehearsal, RehearsalState.ABORTED, str(broken), None)
    except BaseException:
        await asyncio.shield(in_thread(_end)(rehearsal, RehearsalState.FAILED, "died", None))
        raise
    log.info("rehearsal_over", rehearsal=public_id)


async def _play(rehearsal: Rehearsal, built: scenery.Scenery) -> scoring.Heard:
    mood = Mood(talk=min(0.04, LINES_PER_S / len(built.crowd)), like=0.06, claims=0.95, stays_s=1e9)
    viewers = [
        Viewer(server=rehearsal.server, room=built.room.public_id, ticket=_ticket(person, built.room), mood=mood) for person in built.crowd
    ]
    tasks = [asyncio.create_task(_arrive(viewer, n * ARRIVE_S)) for n, viewer in enumerate(viewers)]
    try:
        await _watch(rehearsal, built, [viewer.ear for viewer in viewers])
        return await _heard(built, [viewer.ear for viewer in viewers])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _arrive(viewer: Viewer, after_s: float) -> None:
    """A crowd trickles in."""
    await asyncio.sleep(after_s)
    await viewer.live()


def _ticket(person: User, room: Room) -> Callable[[], str]:
    """What the room's page would hand to this person."""

    def issue() -> str:
        request = HttpRequest()
        request.user = person
        request.device = ""  # type: ignore[attr-defined]
        with translation.override(settings.LANGUAGE_CODE):
            return tickets.issue(request, room)

    return issue


async def _watch(rehearsal: Rehearsal, built: scenery.Scenery, ears: list[Ear]) -> None:
    """Until it is over. Raises BrokenOff."""
    ends_at = now() + timedelta(seconds=rehearsal.length_s)
    while now() < ends_at:
        await asyncio.sleep(LOOK_S)
        sight = await in_thread(_look)(rehearsal, built.room, ears)
        if sight.wish == bookings.ABORT or not sight.is_going_on:
            raise BrokenOff("asked")
        if sight.is_on_air:
            raise BrokenOff("on_air")
        if sight.wish == bookings.FINISH:
            return
        if sight.over_at is not None and now() > sight.over_at + timedelta(seconds=TAIL_S):
            return


def _look(rehearsal: Rehearsal, stage: Room, ears: list[Ear]) -> Sight:
    """What people asked for meanwhile, and how far it is; the figures go to the page."""
    deal = witness.pressed_deal(stage)
    progress = {
        "joined": sum(ear.joined > 0 for ear in ears),
        "lines": ChatLine.objects.filter(room=stage).count(),
        "taps": sum(len(ear.answers) for ear in ears),
        "won": deal.total - deal.left if deal else 0,
        "opens_at": deal.starts_at.timestamp() if deal and deal.starts_at else None,
    }
    Rehearsal.objects.filter(pk=rehearsal.pk).update(progress=progress)
    wish, state = Rehearsal.objects.values_list("wish", "state").get(pk=rehearsal.pk)
    over_at = (deal.sold_out_at or deal.ends_at) if deal else None
    is_on_air = deals.live_show(rehearsal.room) is not None
    return Sight(wish, state == RehearsalState.RUNNING, is_on_air, over_at)


async def _heard(built: scenery.Scenery, ears: list[Ear]) -> scoring.Heard:
    times = await in_thread(witness.event_times)(built.room)
    seen: dict[str, list[float]] = {"pinned": [], "drop_pressed": []}
    for ear in ears:
        for seq, heard_at in ear.states:
            kind, at = times.get(seq, ("", None))
            if kind in seen and at is not None:
                seen[kind].append(max(0.0, heard_at - at.timestamp()))
    answers = [seconds for ear in ears for _code, seconds in ear.answers]
    return scoring.Heard(
        crowd=len(ears),
        joined=sum(ear.joined > 0 for ear in ears),
        frames=sum(ear.frames for ear in ears),
        gaps=sum(ear.gaps for ear in ears),
        answers_s=answers,
        unanswered=sum(ear.unanswered for ear in ears),
        pin_seen_s=seen["pinned"],
        drop_seen_s=seen["drop_pressed"],
    )


def _end(rehearsal: Rehearsal, state: RehearsalState, why: str, score: scoring.Score | None) -> None:
    bookings.end(rehearsal, state, why=why, score=score.as_json() if score else None)


def run(public_id: str) -> None:
    """For the command: until it is over."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(perform(public_id))
