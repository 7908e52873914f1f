"""How long recordings are kept: three years unless set otherwise, longer under a legal hold, and no more of a room than its quota."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts import audit
from rooms import stage
from rooms.models import Room
from rooms.video import covers, replays
from rooms.video.models import Recording
from rooms.video.recording import index_path

AT_ONCE = 500
WARN_PERCENT = 80
log = structlog.get_logger(__name__)


def remove_old() -> int:
    """Remove the files of recordings past their time; the rows stay and say when. Returns how many."""
    oldest = timezone.now() - timedelta(days=settings.RECORDINGS_KEEP_DAYS)
    rows = Recording.objects.filter(ended_at__lt=oldest, is_held=False, removed_at=None).order_by("pk")[:AT_ONCE]
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
    ended = Recording.objects.filter(room=room, is_held=False, removed_at=None, ended_at__isnull=False)
    return ended.exclude(show__state__in=stage.RUNNING).order_by("began_at", "pk")


def _remove(row: Recording, why: str) -> bool:
    """First the row: a replay that is asked for now must not find half of it. False: it was removed or held meanwhile."""
    with transaction.atomic(durable=True):
        if not Recording.objects.filter(pk=row.pk, is_held=False, removed_at=None).update(removed_at=timezone.now()):
            return False
        about = {"size": row.size, "began_at": row.began_at.isoformat()}
        audit.record_in_tx(actor=None, action="recording.removed", subject=f"recording:{row.public_id}", before=about, reason=why)
    path = replays.file_of(row)
    for file in (path, index_path(path), *covers.kept_covers(path)):
        file.unlink(missing_ok=True)
    return True
