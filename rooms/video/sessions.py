"""The life of a stream and of the show that follows it. Called by the media process; every step is idempotent and keyed by its session."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import access
from liveshop.refusals import Code, Refused
from rooms import events, shelf, stage, upcoming
from rooms.models import Room, Show, ShowState
from rooms.studio import preflight
from rooms.video.models import StreamSession, StreamSource

DUE = timedelta(minutes=15)  # a show planned for later than this is not what an encoder that connects now means
TAKEN_OVER = "taken_over"
OVER = (ShowState.ENDED, ShowState.BANNED)
VOIDED_KEY = Q(source=StreamSource.ENCODER, room__stream_key__made_at__gt=F("started_at"))
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """A second or two of a stream in figures."""

    width: int
    height: int
    frame_rate: float
    bitrate_kbps: int
    keyframe_ms: int
    has_sound: bool
    trouble: str = ""
    encoder: str = ""
    loudness_db: float | None = None


def open_session(*, room: Room, source: str, client: str = "", encoder: str = "") -> StreamSession:
    """A publisher of this room was let in; an older one of the same room is over. Raises Refused: BANNED, FORBIDDEN."""
    room = Room.objects.select_related("anchor").get(pk=room.pk)
    if room.is_banned:
        raise Refused(Code.BANNED, rule=room.ban_reason, until="—")
    access.require(room.anchor, access.Power.GO_LIVE, room)
    with transaction.atomic(durable=True):
        shelf.lock_in_tx(room)
        now = timezone.now()
        StreamSession.objects.filter(room=room, ended_at=None).update(ended_at=now, end_reason=TAKEN_OVER)
        return StreamSession.objects.create(room=room, source=source, client=client, encoder=encoder[:80], started_at=now, seen_at=now)


def put_on_air(*, session: StreamSession) -> Show | None:
    """The stream has pictures: a waiting show goes on, a planned one begins when it is due and nothing blocks it. None: the studio alone sees it."""
    room = session.room
    show = Show.objects.filter(room=room, state__in=stage.RUNNING).first()
    if show is None:
        show = _begin_planned(room)
    if show is None or not _attach(session, show):
        return None
    show.refresh_from_db()  # the stream before may have gone while this one came
    if show.state == ShowState.INTERRUPTED:
        _resume(room)
        show.refresh_from_db()
    if show.state in OVER:
        log.info("stream_came_too_late", room=room.slug)  # it ended in this very moment
        return None
    return show


def close_session(*, session: StreamSession, reason: str) -> bool:
    """The publisher is gone. Viewers read that the anchor will be right back, unless another stream of the room is there. False: it was over before."""
    now = timezone.now()
    if not StreamSession.objects.filter(pk=session.pk, ended_at=None).update(ended_at=now, end_reason=reason[:120]):
        return False
    wait_for_stream(session.room)
    return True


def wait_for_stream(room: Room) -> bool:
    """A show that had a stream and has none waits for it; a show without video goes on. True when it waits from now on."""
    show = Show.objects.filter(room=room, state=ShowState.LIVE).first()
    if show is None or not StreamSession.objects.filter(show=show).exists():
        return False
    if StreamSession.objects.filter(room=room, ended_at=None, show=show).exists():
        return False
    try:
        stage.interrupt(room=room)
    except Refused:
        return False
    if on_air(show):  # the next stream came in this very moment, and may have found the show still on
        _resume(room)
        return False
    return True


def _resume(room: Room) -> None:
    """Whoever finds both a stream and a waiting show; it may have been resumed or ended meanwhile."""
    with contextlib.suppress(Refused):
        stage.resume(room=room)


def measure(*, session: StreamSession, measured: Measured) -> str:
    """Note the figures and that the stream is alive. Returns why the publisher must be cut, if it must: notices of an end may be lost."""
    values = {
        "seen_at": timezone.now(),
        "width": measured.width,
        "height": measured.height,
        "frame_rate": round(measured.frame_rate, 1),
        "bitrate_kbps": measured.bitrate_kbps,
        "keyframe_ms": measured.keyframe_ms,
        "has_sound": measured.has_sound,
        "trouble": measured.trouble[:120],
        "encoder": measured.encoder[:80],
    }
    if measured.loudness_db is not None:
        values["loudness_db"] = measured.loudness_db
    may_go_on = StreamSession.objects.filter(pk=session.pk, ended_at=None, room__is_banned=False)
    may_go_on = may_go_on.exclude(show__state__in=OVER).exclude(VOIDED_KEY)
    return "" if may_go_on.update(**values) else _end_of(session)


def _end_of(session: StreamSession) -> str:
    now = StreamSession.objects.select_related("room", "show").get(pk=session.pk)
    if now.ended_at:
        return now.end_reason or TAKEN_OVER
    if now.room.is_banned:
        return "room_banned"
    return "show_ended" if now.show and now.show.state in OVER else "key_changed"


def close_all_left(reason: str) -> int:
    """The media process starts: what it left open when it died is over, and those shows wait for their streams."""
    left = list(StreamSession.objects.filter(ended_at=None).exclude(source="external").select_related("room__anchor"))
    return sum(close_session(session=session, reason=reason) for session in left)


def close_silent() -> int:
    """Sessions whose media process says nothing any more are over; returns how many."""
    oldest = timezone.now() - timedelta(seconds=settings.STREAM_SILENCE_S)
    silent = StreamSession.objects.filter(ended_at=None, seen_at__lt=oldest).exclude(source="external").select_related("room__anchor")
    return sum(close_session(session=session, reason="process_gone") for session in silent)


def on_air(show: Show | None) -> StreamSession | None:
    """The open stream of a show, which its stage plays."""
    return StreamSession.objects.filter(show=show, ended_at=None).first() if show else None


def moving(shows: Iterable[Show]) -> set[int]:
    """Which of these shows have a stream now."""
    return set(StreamSession.objects.filter(show__in=shows, ended_at=None).values_list("show_id", flat=True))


def current(room: Room) -> StreamSession | None:
    """The room's open stream, on air or seen by the studio alone."""
    return StreamSession.objects.filter(room=room, ended_at=None).first()


def _begin_planned(room: Room) -> Show | None:
    due = timezone.now() + DUE
    planned = upcoming.planned(room).filter(planned_at__lte=due).first()
    if planned is None:
        return None
    try:
        preflight.require_ready(room, planned.title)
        return stage.go_live(room=room, by=room.anchor, title=planned.title)
    except Refused as refused:
        log.info("stream_waits_for_preflight", room=room.slug, code=refused.code)
        return None


def _attach(session: StreamSession, show: Show) -> bool:
    """The stage plays this session from now on."""
    with transaction.atomic(durable=True):
        shelf.lock_in_tx(session.room)  # the room's row before its sessions, as by the publisher who takes over
        if not StreamSession.objects.filter(pk=session.pk, ended_at=None).update(show=show):
            return False
        events.publish_in_tx(room_id=show.room_id, kind="video_started", panels=["stage"])
    session.show = show
    return True
