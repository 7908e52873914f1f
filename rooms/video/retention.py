"""How long recordings are kept: three years unless set otherwise, longer under a legal hold."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.utils import timezone

from rooms.video import covers, replays
from rooms.video.models import Recording
from rooms.video.recording import index_path

AT_ONCE = 500
log = structlog.get_logger(__name__)


def remove_old() -> int:
    """Remove the files of recordings past their time; the rows stay and say when. Returns how many."""
    oldest = timezone.now() - timedelta(days=settings.RECORDINGS_KEEP_DAYS)
    removed = 0
    for row in Recording.objects.filter(ended_at__lt=oldest, is_held=False, removed_at=None).order_by("pk")[:AT_ONCE]:
        # First the row: a replay that is asked for now must not find half of it.
        if not Recording.objects.filter(pk=row.pk, is_held=False, removed_at=None).update(removed_at=timezone.now()):
            continue
        path = replays.file_of(row)
        for file in (path, index_path(path), *covers.kept_covers(path)):
            file.unlink(missing_ok=True)
        removed += 1
    if removed:
        log.info("recordings_removed", count=removed)
    return removed
