"""Jobs of live video, run by the worker."""

from django.conf import settings
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from rooms.video import recorder, retention, sessions
from rooms.video.external import intake, publishing
from rooms.video.models import StreamSession


@app.periodic(cron="* * * * * */10")  # every ten seconds
@app.task(queueing_lock="rooms.video.close_silent", pass_context=False)
def close_silent(timestamp: int) -> int:
    """Shows whose media process died and did not come back wait for their stream, as viewers read."""
    return sessions.close_silent()


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="rooms.video.finish_forgotten", pass_context=False)
def finish_forgotten(timestamp: int) -> int:
    """Recordings whose end met a database that was away."""
    return recorder.finish_forgotten()


@app.periodic(cron="17 4 * * *")  # at night
@app.task(queueing_lock="rooms.video.remove_old", pass_context=False)
def remove_old(timestamp: int) -> int:
    """Recordings older than they must be kept, or above their room's quota, make room."""
    return retention.remove_old() + retention.remove_over_quota()


@app.periodic(cron="* * * * * */10")  # every ten seconds
@app.task(queueing_lock="rooms.video.look", pass_context=False)
def look(timestamp: int) -> int:
    """How an external media server is, and what of its streams we did not hear."""
    return publishing.look() if settings.VIDEO_TIER == "external" else publishing.close_left()


@app.task
def look_soon() -> int:
    """The figures of a stream that has just begun."""
    return publishing.look()


@app.task(retry=RetryStrategy(max_attempts=5, wait=2))
def follow_external(room_id: int) -> None:
    """A show began or ended, or a room was closed."""
    publishing.follow(room_id)


@app.task(retry=RetryStrategy(max_attempts=5, wait=2))
def cut_external(room_id: int, why: str) -> bool:
    """The room's publisher must go."""
    return publishing.cut(room_id, why)


@app.task(retry=RetryStrategy(max_attempts=8, exponential_wait=4))
def take_recording(session: str, file: str) -> int:
    """A file of an external media server becomes a recording of ours."""
    found = StreamSession.objects.select_related("room", "show").filter(public_id=session).first()
    return intake.take(found, file) if found else 0
