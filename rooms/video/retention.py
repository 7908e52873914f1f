"""How long recordings are kept: three years unless set otherwise, longer under a legal hold, and no more of a room than its quota."""

import shutil
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, QuerySet, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts import audit
from rooms import stage
from rooms.models import Room, Show
from rooms.video import covers, replays
from rooms.video.models import Recording
from rooms.video.recording import index_path

AT_ONCE = 500
WARN_PERCENT = 80
log = structlog.get_logger(__name__)


def remove_old() -> int:
    """Remove the files of recordings past their time; the rows stay and say when. Returns how many."""
    days = Coalesce("room__keep_days", Value(settings.RECORDINGS_KEEP_DAYS))
    kept = ExpressionWrapper(days * Value(timedelta(days=1), output_field=DurationField()), output_field=DurationField())
    until = ExpressionWrapper(F("ended_at") + kept, output_field=DateTimeField())
    rows = _free(Recording.objects.annotate(until=until).filter(until__lt=timezone.now())).order_by("pk")[:AT_ONCE]
    removed = sum(_remove(row, "too old") for row in rows)
    if removed:
        log.info("recordings_removed", count=removed)
    return removed


def remove_over_quota() -> int:
    """Rooms above their quota lose their oldest recordings: never one under legal hold or of a running show. Returns how many."""
    if not quota():
        return 0
    sizes = Recording.objects.filter(removed_at=None).values_list("room").annotate(total=Sum("size")).order_by()
    return sum(_shrink(room, total - quota()) for room, total in sizes if total > quota())


def quota() -> int:
    """Bytes a room may keep; 0: as many as there is room for."""
    return int(settings.RECORDINGS_ROOM_GB * 1_000_000_000)


def percent_used(room: Room) -> int | None:
    """Of the room's quota; None without one."""
    used = Recording.objects.filter(room=room, removed_at=None).aggregate(total=Sum("size"))["total"] or 0
    return round(used * 100 / quota()) if quota() else None


@dataclass(frozen=True, slots=True)
class Fullness:
    """What operators should know of before it is too late: rooms near or above their quota, fullest first; the disk's percent when near."""

    rooms: list[tuple[Room, int]]
    disk_percent: int | None


def fullness() -> Fullness:
    """Rooms and the recordings' disk from `WARN_PERCENT` on. OSError when the disk does not answer."""
    return Fullness(_full_rooms(), _full_disk())


def _full_rooms() -> list[tuple[Room, int]]:
    if not quota():
        return []
    sizes = Recording.objects.filter(removed_at=None).values_list("room").annotate(total=Sum("size")).order_by("-total")
    full = {room: round(total * 100 / quota()) for room, total in sizes if total * 100 >= quota() * WARN_PERCENT}
    rooms = Room.objects.in_bulk(full)
    return [(rooms[room], percent) for room, percent in full.items()]


def _full_disk() -> int | None:
    if not settings.RECORDINGS_ROOT.exists():
        return None  # nothing was ever recorded
    disk = shutil.disk_usage(settings.RECORDINGS_ROOT)
    percent = round(disk.used * 100 / (disk.used + disk.free))  # what only root may use is not ours
    return percent if percent >= WARN_PERCENT else None


def _shrink(room: int, too_much: int) -> int:
    removed = 0
    for row in _may_go(room):
        if too_much <= 0:
            break
        if _remove(row, "room over quota"):
            too_much -= row.size
            removed += 1
    if too_much > 0:
        log.warning("room_over_quota", room=room, bytes=too_much)  # what is left is held or on air
    return removed


def _may_go(room: int) -> QuerySet[Recording]:
    ended = _free(Recording.objects.filter(room=room, ended_at__isnull=False))
    return ended.exclude(show__state__in=stage.RUNNING).order_by("began_at", "pk")


def _free(rows: QuerySet[Recording]) -> QuerySet[Recording]:
    return rows.filter(removed_at=None, show__hold_reason="")


def _remove(row: Recording, why: str) -> bool:
    """First the row: a replay that is asked for now must not find half of it. False: it was removed or held meanwhile."""
    with transaction.atomic(durable=True):
        Show.objects.select_for_update(no_key=True, of=("self",)).get(pk=row.show_id)  # a hold takes this lock as well
        if not _free(Recording.objects.filter(pk=row.pk)).update(removed_at=timezone.now()):
            return False
        about = {"size": row.size, "began_at": row.began_at.isoformat()}
        audit.record_in_tx(actor=None, action="recording.removed", subject=f"recording:{row.public_id}", before=about, reason=why)
    path = replays.file_of(row)
    for file in (path, index_path(path), *covers.kept_covers(path)):
        file.unlink(missing_ok=True)
    return True
