"""Jobs of the rooms, run by the worker: a show whose stream stayed away too long ends by itself."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from liveshop.refusals import Refused
from rooms import stage
from rooms.models import Show, ShowState
from rooms.video.tasks import close_silent, cut_external, follow_external, look, look_soon, remove_old, take_recording

__all__ = [
    "close_silent",
    "cut_external",
    "end_abandoned",
    "follow_external",
    "look",
    "look_soon",
    "remove_old",
    "take_recording",
]  # the worker finds an app's jobs in its module `tasks`


@app.periodic(cron="* * * * * */10")  # every ten seconds
@app.task(queueing_lock="rooms.end_abandoned", pass_context=False)
def end_abandoned(timestamp: int) -> int:
    """End the shows that have been interrupted for longer than the grace; returns how many."""
    oldest = timezone.now() - timedelta(seconds=settings.INTERRUPTION_GRACE_S)
    ended = 0
    for show in Show.objects.filter(state=ShowState.INTERRUPTED, interrupted_at__lt=oldest).select_related("room__anchor"):
        try:
            stage.end_show(room=show.room, by=None, reason="stream lost")
        except Refused:
            continue  # the stream came back in this very moment
        ended += 1
    return ended
