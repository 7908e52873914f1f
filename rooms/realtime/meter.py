"""Hot numbers are never events: this process counts them in memory, writes them in batches and tells the latest at most twice a second."""

import asyncio
import time
from collections import defaultdict

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from liveshop.threads import in_thread
from rooms import presence, stats
from rooms.models import ChatLine, Show, ShowState, ShowViewer
from rooms.realtime.hub import hub, publish

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
        self._minute_likes: dict[int, int] = defaultdict(int)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the running loop; later calls do nothing."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

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

    async def _tell_likes(self) -> None:
        pending, self.likes = self.likes, defaultdict(int)
        for room_id, count in pending.items():
            if count:
                self._minute_likes[room_id] += count
                total = await in_thread(add_likes)(room_id, count)
                publish(room_id, numbers={"likes": total})

    def _tell_online(self, counts: dict[int, int]) -> None:
        for room_id, online in counts.items():
            known, views = self._told.get(room_id, (-1, -1))
            if online != known:
                self._told[room_id] = (online, views)
                hub.note(room_id, numbers={"online": online})

    def _write(self, room_id: int) -> None:
        """Views, viewers, peak and the minute's row of the running show."""
        joined = presence.take_joined(room_id)
        channels = presence.take_channels(room_id, joined)
        likes = self._minute_likes.pop(room_id, 0)
        show = Show.objects.filter(room_id=room_id, state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).first()
        if show is None:
            return
        online = presence.online(room_id)
        views = write_visits(show.pk, joined, online, channels)
        chats = ChatLine.objects.filter(show=show).count() - show.chat_count
        if chats > 0:
            Show.objects.filter(pk=show.pk).update(chat_count=F("chat_count") + chats)
        stats.add_to_minute(show_id=show.pk, joins=len(joined), likes=likes, chats=max(0, chats), online=online)
        if views != self._told.get(room_id, (-1, -1))[1]:
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


def write_visits(show_id: int, people: list[str], online: int, channels: dict[str, str]) -> int:
    """Count entries, new people and the peak; returns the show's views (人次)."""
    with transaction.atomic():
        before = ShowViewer.objects.filter(show_id=show_id).count() if people else 0
        ShowViewer.objects.bulk_create(
            [ShowViewer(show_id=show_id, person=person, channel=channels.get(person, "")) for person in dict.fromkeys(people)],
            ignore_conflicts=True,
        )
        new = ShowViewer.objects.filter(show_id=show_id).count() - before if people else 0
        Show.objects.filter(pk=show_id).update(
            view_count=F("view_count") + len(people), viewer_count=F("viewer_count") + new, peak_online=Greatest("peak_online", online)
        )
    return int(Show.objects.values_list("view_count", flat=True).get(pk=show_id))


meter = Meter()


async def write_all() -> None:
    """The numbers of this process."""
    await meter.write_all()
