"""The demo's evening: directors, viewers over real sockets, and buyers, until the process is told to stop."""

import asyncio
import random
import signal
from collections import Counter
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand
from django.db.models import Q

from accounts.models import User
from demo import buyers, doors, rates, streaming
from demo.logins import LOGINS
from demo.seeding import CONTENT, content
from demo.show import Director
from demo.stages import talk_of
from liveshop import servers
from rooms.crowd import TALK, Viewer
from rooms.models import Room
from rooms.stage import RUNNING

LINES = content("lines")
GUESTS_OF_FIVE = 2
START_OVER_S = 25


class Command(BaseCommand):
    help = "Runs the demo's shows with a synthetic crowd over real sockets."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_CROWD:
            return
        asyncio.run(evening())


async def evening() -> None:
    """Everything at once; SIGTERM and SIGINT end it quietly."""
    cast = await asyncio.to_thread(assemble)
    tasks = [asyncio.create_task(errand) for errand in cast]
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def assemble() -> list[Any]:
    """One director a live room, a crowd sized by its followers, and the buyers."""
    # A site that was stopped leaves its show waiting for the stream, or ended for want of it.
    on_air = Q(shows__state__in=RUNNING) | Q(shows__is_demo=True, shows__end_reason="stream lost")
    rooms = list(Room.objects.filter(on_air, anchor__is_demo=True, is_banned=False).distinct().order_by("-follower_count"))
    # The accounts handed out at the door stay out of the crowd.
    strangers = User.objects.filter(is_demo=True, is_anchor=False, is_staff=False, shops=None).exclude(
        username__in=[name for *_, name in LOGINS]
    )
    people = list(strangers.order_by("pk"))
    sessions = {person.pk: _session(person) for person in people}
    base = f"http://{servers.own_host(settings.BIND)}:{settings.PORT}"
    errands: list[Any] = [Director(room.slug).run() for room in rooms]
    footage = {entry["slug"]: CONTENT / entry["footage"]["file"] for entry in content("people")["anchors"] if "footage" in entry}
    errands += [streaming.stream(room.slug, footage.get(room.slug)) for rank, room in enumerate(rooms) if rank == 0 or room.slug in footage]
    for rank, room in enumerate(rooms):
        talk = _talk(room)
        count = settings.DEMO_CROWD if rank == 0 else max(4, settings.DEMO_CROWD // (3 + 2 * rank))
        for n in range(count):
            is_guest = n % 5 < GUESTS_OF_FIVE - (rank == 0)
            session = "" if is_guest or not people else sessions[people[(n + 7 * rank) % len(people)].pk]
            viewer = Viewer(
                server=base,
                room=room.public_id,
                ticket=partial(doors.ticket, base, room.slug, session),
                mood=rates.mood("busy" if rank == 0 else "small"),
                is_guest=not session,
                talk=talk,
            )
            errands.append(_arrive(viewer))
    return [*errands, buyers.run([person.username for person in people])]


def _talk(room: Room) -> dict[str, list[str]]:
    """What its crowd says: of the room, of what it sells most, and what is said everywhere."""
    categories = Counter(room.shelf_items.filter(offer=None).values_list("product__category__slug", flat=True))
    trade = talk_of(categories.most_common(1)[0][0] if categories else "")
    asked = (LINES.get(room.slug, []) + trade["questions"]) * 2 + TALK["questions"]
    return TALK | {"questions": asked, "praise": trade["praise"] * 2 + TALK["praise"]}


async def _arrive(viewer: Viewer) -> None:
    await asyncio.sleep(random.uniform(0, START_OVER_S))
    await viewer.live()


def _session(person: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return str(session.session_key)
