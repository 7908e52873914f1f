"""Hot numbers are never events: this process counts them in memory, writes them in batches and tells the latest at most twice a second."""

import asyncio
import time
from collections import defaultdict
from contextvars import Context

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from liveshop.threads import in_thread
from rooms import presence, stats
from rooms.models import ChatLine, Show, ShowState, ShowViewer
from rooms.realtime.hub import hub
from rooms.realtime.posting import publish

BEAT_S = 0.5
WRITE_S = 5.0
MAX_LIKES_PER_S = 30
log = structlog.get_logger(__name__)


class Meter:
    """Likes, online and visits of this process's rooms."""

    def __init__(self) -> None:
        self.likes: dict[int, int] = defaultdict(int)
        self._liked: dict[tuple[int, str], tuple[float, int]] = {}
        self._told: dict[int, tuple[int, int]] = {}
        self._shows: dict[int, int] = {}  # the show that was counted for, 0 when none ran, by room with people here
        self._minute_likes: dict[int, int] = defaultdict(int)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the running loop; later calls do nothing."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    def like(self, room_id: int, person: str, count: int) -> int:
        """Count taps, at most `MAX_LIKES_PER_S` a person and second; returns how many counted."""
        second, so_far = self._liked.get((room_id, person), (0.0, 0))
        now = time.monotonic() // 1
        so_far = so_far if second == now else 0
        counted = max(0, min(count, MAX_LIKES_PER_S - so_far))
        self._liked[room_id, person] = (now, so_far + counted)
        self.likes[room_id] += counted
        return counted

    async def _run(self) -> None:
        written_at = 0.0
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self._tell_likes()
                if time.monotonic() - written_at >= WRITE_S:
                    written_at = time.monotonic()
                    self._liked.clear()
                    await self._write_rooms()
                self._tell_online(await in_thread(_count)(list(hub.rooms)))
            except Exception:
                log.exception("meter_failed")

    async def write_all(self) -> None:
        """All that was counted so far: before this process ends."""
        await self._tell_likes()
        await in_thread(presence.share)()
        await self._write_rooms()

    async def _write_rooms(self) -> None:
        """Those with sockets here, and those whose last viewer has left."""
        for room_id in presence.rooms_joined() | self._minute_likes.keys() | hub.rooms.keys():
            await in_thread(self._write)(room_id)
        for room_id in self._shows.keys() - hub.rooms.keys():
            del self._shows[room_id]

    async def _tell_likes(self) -> None:
        pending, self.likes = self.likes, defaultdict(int)
        try:
            while pending:
                room_id, count = pending.popitem()
                if count:
                    publish(room_id, numbers={"likes": await self._add_likes(room_id, count)})
        finally:
            for room_id, count in pending.items():
                self.likes[room_id] += count

    async def _add_likes(self, room_id: int, count: int) -> int:
        try:
            total = await in_thread(add_likes)(room_id, count)
        except Exception:
            self.likes[room_id] += count  # the next beat tries again
            raise
        self._minute_likes[room_id] += count
        return total

    def _tell_online(self, counts: dict[int, int]) -> None:
        for room_id, online in counts.items():
            known, views = self._told.get(room_id, (-1, -1))
            if online != known:
                self._told[room_id] = (online, views)
                hub.note(room_id, numbers={"online": online})

    def _write(self, room_id: int) -> None:
        """What happened here since the last time goes to the running show; what the database did not take is told again."""
        came = presence.take_joined(room_id)
        channels = presence.take_channels(room_id, came)
        likes = self._minute_likes.pop(room_id, 0)
        online = presence.online(room_id)
        try:
            written = write_figures(room_id, came, channels, likes=likes, online=online, counted=self._shows.get(room_id))
        except Exception:
            presence.put_back(room_id, came, channels)
            self._minute_likes[room_id] += likes
            raise
        self._shows[room_id], views = written or (0, 0)
        if written and views != self._told.get(room_id, (-1, -1))[1]:
            self._told[room_id] = (online, views)
            publish(room_id, numbers={"views": views, "online": online})


def _count(rooms: list[int]) -> dict[int, int]:
    """People online, by room; asks the other processes."""
    presence.share()
    return {room_id: presence.online(room_id) for room_id in rooms}


def add_likes(room_id: int, count: int) -> int:
    """Add to the room's and its show's likes; the room's new total."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rooms_room SET like_total = like_total + %s WHERE id = %s RETURNING like_total", [count, room_id])
        row = cursor.fetchone()
        cursor.execute(
            "UPDATE rooms_show SET like_count = like_count + %s WHERE room_id = %s AND state = ANY(%s)",
            [count, room_id, [int(ShowState.LIVE), int(ShowState.INTERRUPTED)]],
        )
    return int(row[0]) if row else 0


def write_figures(
    room_id: int, came: list[str], channels: dict[str, str], *, likes: int = 0, online: int = 0, counted: int | None = None
) -> tuple[int, int] | None:
    """Entries, new people, peak, talk and the minute's row of the running show in one step; the show and its views (人次), None without one.

    Who waited in the room while another show than the running one was `counted`, or none (0), enters it when it begins. Without
    `counted` nobody waited here: who comes over from a process that restarts is no second visit.
    """
    with transaction.atomic():
        # Locked before anything is counted: of two processes that write at once the second sees what the first has added.
        running = Show.objects.filter(room_id=room_id, state__in=[ShowState.LIVE, ShowState.INTERRUPTED])
        show = running.select_for_update(no_key=True).first()
        if show is None:
            return None
        if counted is not None and show.pk != counted:
            came = list(dict.fromkeys([*came, *presence.here(room_id)]))
        new = _note_people(show, came, channels)
        chats = max(0, ChatLine.objects.filter(show=show).count() - show.chat_count)
        Show.objects.filter(pk=show.pk).update(
            view_count=F("view_count") + len(came),
            viewer_count=F("viewer_count") + new,
            chat_count=F("chat_count") + chats,
            peak_online=Greatest("peak_online", online),
        )
        stats.add_to_minute(show_id=show.pk, joins=len(came), likes=likes, chats=chats, online=online)
    return show.pk, show.view_count + len(came)


def _note_people(show: Show, came: list[str], channels: dict[str, str]) -> int:
    """How many of them the show had not seen."""
    if not came:
        return 0
    before = ShowViewer.objects.filter(show=show).count()
    people = [ShowViewer(show=show, person=person, channel=channels.get(person, "")) for person in dict.fromkeys(came)]
    ShowViewer.objects.bulk_create(people, ignore_conflicts=True)
    return ShowViewer.objects.filter(show=show).count() - before


meter = Meter()


async def write_all() -> None:
    """The numbers of this process."""
    await meter.write_all()
