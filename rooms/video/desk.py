"""What the studio shows and offers for video: where to stream to, how the stream is, a new key, a ticket for the browser's camera."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import access
from liveshop.refusals import Code, Refused
from rooms.studio.desk import Desk, enter, require
from rooms.studio.preflight import Check
from rooms.video import cameras, keys, reasons, retention, sessions, tier
from rooms.video.models import StreamKey, StreamSession, StreamSource

RECENT = timedelta(minutes=10)
SLOW_KEYFRAMES_MS = 4000
POOR_KBPS = 500
QUIET_DB = -50


def panel(desk: Desk) -> dict[str, Any]:
    """The stream in figures, or how to begin one."""
    if not desk.is_owner:
        return {"is_open": False}
    stream = sessions.current(desk.room)
    used = tier.current()
    server = used.health()
    key = StreamKey.objects.filter(room=desk.room).first()
    return {
        "is_open": True,
        "stream": stream,
        "checks": checks(stream) if stream else [],
        "last": None if stream else _last(desk),
        "server": server,
        "address": used.ingest(desk.host),
        "has_camera": bool(used.camera_path(desk.room.public_id)),
        "key": key,
        "quota": _quota(desk),
    }


def checks(stream: StreamSession) -> list[Check]:
    """Each line of the stream's list; all of it is advice, the show may go on."""
    is_external = stream.source == StreamSource.EXTERNAL
    if is_external and not stream.width:
        return [Check("size", _("The media server’s figures are coming"), True, False, "")]
    seconds = number_format(stream.keyframe_ms / 1000, 1)
    figures = {"width": stream.width, "height": stream.height, "rate": round(stream.frame_rate)}
    size = _("%(width)s×%(height)s, %(rate)s pictures a second") if stream.frame_rate or not is_external else _("%(width)s×%(height)s")
    sharp = stream.keyframe_ms <= SLOW_KEYFRAMES_MS
    told = [
        Check("size", size % figures, stream.frame_rate >= 10 or is_external, False, ""),
        Check("bitrate", _("%(kbps)s kbit/s") % {"kbps": stream.bitrate_kbps}, stream.bitrate_kbps >= POOR_KBPS, False, ""),
        Check("keyframes", _keyframes(seconds, sharp), sharp, False, ""),
        Check("sound", _sound(stream), stream.has_sound and (stream.loudness_db is None or stream.loudness_db > QUIET_DB), False, ""),
    ]
    if is_external:  # other servers do not measure it, and bitrate only after a while
        told = [check for check in told if check.name != "keyframes" and (stream.bitrate_kbps or check.name != "bitrate")]
    if stream.trouble:
        told.append(Check("trouble", reasons.sentence(stream.trouble), False, False, ""))
    return told


@require_POST
@never_cache
def new_key(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a stream key and show it, for the only time."""
    desk = _owner(request, slug)
    key = tier.current().typed_key(desk.room.public_id, keys.make(room=desk.room, by=desk.user))
    context = {"desk": desk, "room": desk.room, "key": key}
    template = "studio/_key.html" if request.headers.get("hx-request") else "studio/key.html"
    return render(request, template, context)


@require_POST
@never_cache
def camera_ticket(request: HttpRequest, slug: str) -> HttpResponse:
    """Let this browser's camera in, once, within a minute."""
    desk = _owner(request, slug)
    if not tier.current().camera_path(desk.room.public_id):
        raise Refused(Code.NOT_FOUND)
    if desk.room.is_banned:
        raise Refused(Code.BANNED, rule=desk.room.ban_reason, until="—")
    return JsonResponse({"ticket": cameras.issue(desk.room)})


def _owner(request: HttpRequest, slug: str) -> Desk:
    desk = enter(request, slug)
    require(desk, access.Power.GO_LIVE)
    if not desk.is_owner:
        raise Refused(Code.FORBIDDEN, why=_("Only the anchor streams into her room"))
    return desk


def _last(desk: Desk) -> dict[str, Any] | None:
    """Why the last stream ended, when that was just now."""
    ended = StreamSession.objects.filter(room=desk.room, ended_at__gt=timezone.now() - RECENT).order_by("-ended_at").first()
    if ended is None or ended.end_reason in ("show_ended", "taken_over"):
        return None
    return {"at": ended.ended_at, "why": reasons.sentence(ended.end_reason)}


def _quota(desk: Desk) -> int | None:
    """How full the room's recordings are in percent, once the anchor should know."""
    used = retention.percent_used(desk.room)
    return used if used is not None and used >= retention.WARN_PERCENT else None


def _keyframes(seconds: str, is_fine: bool) -> str:
    if is_fine:
        return _("Keyframe every %(seconds)s s") % {"seconds": seconds}
    return _("Keyframe every %(seconds)s s: set it to 2 s") % {"seconds": seconds}


def _sound(stream: StreamSession) -> str:
    if not stream.has_sound:
        return _("No sound")
    if stream.loudness_db is None:
        return _("Sound arrives")
    if stream.loudness_db <= QUIET_DB:
        return _("Nearly silent: is the microphone on?")
    return _("Sound arrives, %(db)s dB") % {"db": round(stream.loudness_db)}
