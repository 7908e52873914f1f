"""Who may publish on an external media server, and what its streams mean to their rooms.

Callbacks may come twice, late, or never: each step is keyed by the connection and may be done again, and `look` puts right
what was missed.
"""

from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from liveshop.refusals import Refused
from rooms import stage
from rooms.models import Room, Show, ShowState
from rooms.video import h264, keys, sessions
from rooms.video.external import servers
from rooms.video.external.calls import Call
from rooms.video.external.servers import Away, Seen
from rooms.video.models import MediaServer, StreamSession, StreamSource
from rooms.video.reasons import reason

MAX_WRONG_KEYS = 8
FORGET_S = 60
FIRST_PICTURE_S = 15
SETTLING = timedelta(seconds=10)  # a stream this young need not be in the server's list yet
log = structlog.get_logger(__name__)


def publish(call: Call) -> bool:
    """Let a publisher in, or not. The newest with the right key wins: the older one is dropped before this returns."""
    from rooms.video.tasks import look_soon  # jobs import this module

    guard = f"video.wrong_keys:{call.peer}"
    if cache.get(guard, 0) >= MAX_WRONG_KEYS:
        return False
    room = keys.room_of(call.key)
    if room is None or room.public_id != call.stream:
        cache.add(guard, 0, FORGET_S)
        cache.incr(guard)
        log.info("stream_refused", peer=call.peer, why="wrong key")
        return False
    older = open_one(room)
    if older and older.client == call.client:
        return True  # asked again
    try:
        session = sessions.open_session(room=room, source=StreamSource.EXTERNAL, client=call.client, encoder=_plain(call.encoder))
    except Refused as refused:
        log.info("stream_refused", room=room.slug, why=refused.code)
        return False
    if older:
        drop(older)
    session.room = room
    sessions.put_on_air(session=session)
    look_soon.configure(schedule_in={"seconds": 4}).defer()
    log.info("stream_began", room=room.slug, source="external", session=session.public_id)
    return True


def unpublish(call: Call) -> None:
    """A publisher is gone. The end of one that was taken over, or that nobody knows, changes nothing."""
    found = StreamSession.objects.filter(room__public_id=call.stream, source=StreamSource.EXTERNAL, ended_at=None, client=call.client)
    for session in found.select_related("room__anchor"):
        sessions.close_session(session=session, reason="lost")


def cut(room_id: int, why: str) -> bool:
    """Send the room's publisher away: first the session is over, then the connection is dropped."""
    session = (
        StreamSession.objects.filter(room_id=room_id, source=StreamSource.EXTERNAL, ended_at=None).select_related("room__anchor").first()
    )
    if session is None:
        return False
    sessions.close_session(session=session, reason=why)
    log.info("stream_cut", room=session.room.slug, why=why)
    drop(session)
    return True


def follow(room_id: int) -> None:
    """What the room is now, is what its stream must be: on air when the show runs, away when the show is over or the room closed."""
    session = StreamSession.objects.filter(room_id=room_id, source=StreamSource.EXTERNAL, ended_at=None)
    found = session.select_related("room__anchor", "show").first()
    if found is None:
        return
    if found.room.is_banned:
        cut(room_id, "room_banned")
    elif found.show is None or found.show.state == ShowState.INTERRUPTED:
        if Show.objects.filter(room_id=room_id, state__in=stage.RUNNING).exists():  # a rehearsal begins no planned show
            sessions.put_on_air(session=found)
    elif found.show.state not in stage.RUNNING:
        cut(room_id, "show_ended")


def open_one(room: Room) -> StreamSession | None:
    """The room's open session at the external server."""
    found = StreamSession.objects.filter(room=room, source=StreamSource.EXTERNAL, ended_at=None)
    return found.select_related("room__anchor").first()


def drop(session: StreamSession) -> None:
    """Ask the server to end the connection. When it does not answer, `look` asks again."""
    try:
        servers.current().drop(session.room.public_id, session.client)
    except Away as away:
        log.warning("stream_not_dropped", room=session.room.slug, why=str(away))


def look() -> int:
    """Every few seconds: how the server is, and what of its streams we did not hear. Returns how many it carries."""
    try:
        seen = servers.current().look()
    except Away as away:
        _report(problem=str(away))
        _close_silent()
        return 0
    by_room = {one.stream: one for one in seen}
    _report(streams=len(by_room), viewers=sum(one.viewers for one in seen))
    for session in StreamSession.objects.filter(source=StreamSource.EXTERNAL, ended_at=None).select_related("room__anchor"):
        found = by_room.pop(session.room.public_id, None)
        if found is None:
            if session.started_at < timezone.now() - SETTLING:
                sessions.close_session(session=session, reason="lost")
        elif found.client and session.client and found.client != session.client:
            by_room[found.stream] = found  # not the one that was let in
        elif why := objection(session, found):
            cut(session.room_id, why)
        else:
            sessions.measure(session=session, measured=_measured(found))
            follow(session.room_id)
    for stray in by_room.values():
        _drop_stray(stray)
    return len(seen)


def close_left() -> int:
    """The site carries its video itself again: what the external server had open is over; returns how many."""
    left = StreamSession.objects.filter(source=StreamSource.EXTERNAL, ended_at=None).select_related("room__anchor")
    return sum(sessions.close_session(session=session, reason="process_gone") for session in left)


def objection(session: StreamSession, seen: Seen) -> str:
    """Why this stream must not go on, as a reason; empty when it may."""
    age = (timezone.now() - session.started_at).total_seconds()
    if seen.video and seen.video.upper() not in ("H264", "AVC"):
        return reason("codec", seen.video)
    if max(seen.width, seen.height) > h264.MAX_SIDE or seen.width * seen.height > h264.MAX_PIXELS:
        return reason("too_large", f"{seen.width}×{seen.height}")
    if seen.kbps > settings.STREAM_KBPS_MAX:
        return reason("too_fast", str(settings.STREAM_KBPS_MAX // 1000))
    if not seen.video and age > FIRST_PICTURE_S:
        return "no_video"
    return "too_long" if age > settings.STREAM_HOURS_MAX * 3600 else ""


def _drop_stray(stray: Seen) -> None:
    """A stream without an open session, for we were away when it came or it was over: its encoder comes back through the door."""
    if Room.objects.filter(public_id=stray.stream, streams__source=StreamSource.EXTERNAL, streams__ended_at=None).exists():
        latest = StreamSession.objects.get(room__public_id=stray.stream, ended_at=None)
        if latest.client in ("", stray.client) or latest.started_at > timezone.now() - SETTLING:
            return  # it came while we looked
    log.info("stray_stream_dropped", stream=stray.stream)
    try:
        servers.current().drop(stray.stream, stray.client)
    except Away as away:
        log.warning("stream_not_dropped", stream=stray.stream, why=str(away))


def _measured(seen: Seen) -> sessions.Measured:
    return sessions.Measured(
        width=seen.width,
        height=seen.height,
        frame_rate=seen.frame_rate,
        bitrate_kbps=seen.kbps,
        keyframe_ms=0,
        has_sound=bool(seen.audio),
        encoder=_plain(seen.encoder),
    )


def _close_silent() -> None:
    oldest = timezone.now() - timedelta(seconds=settings.STREAM_SILENCE_S)
    silent = StreamSession.objects.filter(source=StreamSource.EXTERNAL, ended_at=None, seen_at__lt=oldest)
    for session in silent.select_related("room__anchor"):
        sessions.close_session(session=session, reason="process_gone")


def _report(*, problem: str = "", streams: int = 0, viewers: int = 0) -> None:
    port = 0 if problem else urlsplit(settings.RTMP_URL).port or 1935
    values = {"seen_at": timezone.now(), "problem": problem[:120], "streams": streams, "viewers": viewers, "rtmp_port": port}
    MediaServer.objects.update_or_create(name=server_name(), defaults=values)


def server_name() -> str:
    """The server's row."""
    return f"external:{settings.EXTERNAL_SERVER}:{settings.EXTERNAL_API}"[:80]


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:80]
