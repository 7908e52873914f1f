"""The doors of replays and clips, and the bytes of recordings."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import localtime
from django.views.decorators.http import require_safe

from accounts import access
from liveshop.refusals import Code, Refused
from liveshop.templatetags.liveshop import picture as picture_address
from rooms import panels, viewing
from rooms.models import Room, Show
from rooms.video import covers, playlist, replays
from rooms.video.models import Recording
from rooms.video.replays import Chapter, Film

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
LARGEST_ANSWER = 8 << 20
PIECE = 1 << 18
COVER_LIVE_S = 5
COVER_PAST_S = 3600


@require_safe
def replay(request: HttpRequest, slug: str, show: str) -> HttpResponse:
    """A past show: its video with the products shown on a timeline, and what was said."""
    room, film = _film(request, slug, show)
    context = {"room": room, "show": film.show, "film": film, "chapters": replays.chapters(film), "talk": replays.talk(film), "clip": None}
    context["deals"] = panels.replay_deals(film.show)
    return render(request, "rooms/replay.html", context)


@require_safe
def clip(request: HttpRequest, slug: str, show: str, number: int) -> HttpResponse:
    """One product's minutes of a show."""
    room, film = _film(request, slug, show)
    chapter = _chapter(film, str(number))
    context = {"room": room, "show": film.show, "film": film, "chapters": [chapter], "talk": [], "clip": chapter}
    return render(request, "rooms/replay.html", context)


@require_safe
def room_cover(request: HttpRequest, slug: str) -> HttpResponse:
    """The room as a picture, for cards, previews and posters: what is on air, else its poster."""
    room = Room.objects.filter(slug=slug).first()
    if room is None:
        raise Refused(Code.NOT_FOUND)
    access.require(request.user, access.Power.WATCH, room, device=str(getattr(request, "device", "")))
    return _cover(covers.of_stream(room), room, COVER_LIVE_S)


@require_safe
def replay_cover(request: HttpRequest, slug: str, show: str, number: int = 0) -> HttpResponse:
    """A past show as a picture, or the clip of its n-th pin: its first keyframe."""
    room, film = _film(request, slug, show)
    if not number:
        return _cover(covers.of_film(film), room, COVER_PAST_S)
    return _cover(covers.at_moment(film, _chapter(film, str(number)).starts_ms), room, COVER_PAST_S)


@require_safe
def film_json(request: HttpRequest, slug: str, show: str) -> HttpResponse:
    """Where in which file each second is; `?after=` ms for what a running show has added."""
    _room, film = _film(request, slug, show)
    after = request.GET.get("after", "")
    return JsonResponse(replays.as_json(film, _address, int(after) if after.isdecimal() and len(after) < 12 else 0))


@require_safe
def film_playlist(request: HttpRequest, slug: str, show: str) -> HttpResponse:
    """The same as HLS, for players of browsers and other machines; `?clip=` for one product's part."""
    _room, film = _film(request, slug, show)
    starts, ends = 0, film.duration_ms
    if "clip" in request.GET:
        chapter = _chapter(film, request.GET["clip"])
        starts, ends = chapter.starts_ms, chapter.ends_ms
    text = playlist.recorded(replays.pieces(film, _address, starts, ends))
    return HttpResponse(text, content_type="application/vnd.apple.mpegurl")


@require_safe
def recording(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The bytes of one recording, in the ranges that players ask for."""
    row = get_object_or_404(Recording.objects.select_related("show", "room"), public_id=public_id, removed_at=None)
    _allow(request, row.room, row.show)
    path = replays.file_of(row)
    try:
        size = path.stat().st_size
    except OSError as gone:
        raise Refused(Code.NOT_FOUND) from gone
    wanted = request.headers.get("range", "")
    if not RANGE.fullmatch(wanted.strip()):
        return _whole(request, path, row, size)
    first, last = _range(wanted, size)
    if first is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    with path.open("rb") as file:
        file.seek(first)
        data = file.read(min(last - first + 1, LARGEST_ANSWER))
    headers = {
        "Content-Range": f"bytes {first}-{first + len(data) - 1}/{size}",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "Content-Encoding": "identity",  # the compressing middleware leaves it alone
    }
    return HttpResponse(data, status=206, content_type="video/mp4", headers=headers)


def clip_of(request: HttpRequest, slug: str, show: str, number: int) -> tuple[Film, Chapter]:
    """A clip that this person may see. Raises Refused(NOT_FOUND)."""
    _room, film = _film(request, slug, show)
    return film, _chapter(film, str(number))


def _whole(request: HttpRequest, path: Path, row: Recording, size: int) -> StreamingHttpResponse:
    """The file from its beginning, a piece at a time; `?download` keeps it."""

    async def content() -> AsyncIterator[bytes]:
        with await asyncio.to_thread(path.open, "rb") as file:
            while data := await asyncio.to_thread(file.read, PIECE):
                yield data

    headers = {"Accept-Ranges": "bytes", "Content-Length": str(size), "Content-Encoding": "identity"}
    if "download" in request.GET:
        headers["Content-Disposition"] = f'attachment; filename="{row.room.slug}-{localtime(row.began_at):%Y%m%d-%H%M%S}.mp4"'
    return StreamingHttpResponse(content(), content_type="video/mp4", headers=headers)


def _film(request: HttpRequest, slug: str, public_id: str) -> tuple[Room, Film]:
    room = Room.objects.select_related("anchor").filter(slug=slug).first()
    show = Show.objects.filter(room=room, public_id=public_id).first() if room else None
    if room is None or show is None:
        raise Refused(Code.NOT_FOUND)
    _allow(request, room, show)
    film = replays.film_of(show)
    if not film.reels:
        raise Refused(Code.NOT_FOUND)
    return room, film


def _chapter(film: Film, number: str) -> Chapter:
    chapter = next((one for one in replays.chapters(film) if str(one.number) == number), None)
    if chapter is None:
        raise Refused(Code.NOT_FOUND)
    return chapter


def _cover(picture: bytes, room: Room, keep_s: int) -> HttpResponse:
    response = HttpResponse(picture, content_type="image/jpeg") if picture else redirect(picture_address(viewing.hero(room)))
    response.headers["Cache-Control"] = f"public, max-age={keep_s if picture else COVER_LIVE_S}"
    return response


def _allow(request: HttpRequest, room: Room, show: Show) -> None:
    access.require(request.user, access.Power.WATCH, room, device=str(getattr(request, "device", "")))
    if not replays.may_be_seen(room, show):
        raise Refused(Code.NOT_FOUND)


def _address(row: Recording) -> str:
    return reverse("recording", args=[row.public_id])


def _range(header: str, size: int) -> tuple[int | None, int]:
    """First and last byte; (None, 0) for a range that is not there."""
    begin, _dash, end = header.strip().removeprefix("bytes=").partition("-")
    if not begin:
        return (max(size - int(end), 0), size - 1) if end and int(end) and size else (None, 0)
    if int(begin) >= size or (end and int(end) < int(begin)):
        return None, 0
    return int(begin), min(int(end), size - 1) if end else size - 1
