"""Jobs of live video, run by the worker."""

from procrastinate.contrib.django import app

from rooms.video import retention, sessions


@app.periodic(cron="* * * * * */10")  # every ten seconds
@app.task(queueing_lock="rooms.video.close_silent", pass_context=False)
def close_silent(timestamp: int) -> int:
    """Shows whose media process died and did not come back wait for their stream, as viewers read."""
    return sessions.close_silent()


@app.periodic(cron="17 4 * * *")  # at night
@app.task(queueing_lock="rooms.video.remove_old", pass_context=False)
def remove_old(timestamp: int) -> int:
    """Recordings older than they must be kept make room."""
    return retention.remove_old()
