"""The viewer's doors: the room's page, its ticket, and what works without a script."""

import uuid
from typing import Any, cast

import segno
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.access import Power
from accounts.models import User
from liveshop.clock import server_ms
from liveshop.publicurl import public_url
from liveshop.refusals import Code, Refused
from rooms import chat, follows, panels, reminders, screens, viewing
from rooms.models import Room
from rooms.realtime import recovery, tickets
from rooms.video import tier


@require_safe
@never_cache
def room(request: HttpRequest, slug: str) -> HttpResponse:
    """The whole room in one answer, useful before any script runs."""
    watched = _allowed(request, slug, Power.WATCH)
    channel = screens.channel_of(request)
    context = {"seen": viewing.view(watched, request.user), "ticket": tickets.issue(request, watched, channel=channel), "channel": channel}
    return render(request, "rooms/room.html", {"room": watched} | context | _own(request, watched))


@require_safe
@never_cache
def screen(request: HttpRequest, slug: str) -> HttpResponse:
    """The room for a wall or a television: shows, asks nothing, and leads phones to the room."""
    watched = _allowed(request, slug, Power.WATCH)
    code = screens.code_of(watched)
    link = public_url(request, reverse("tv_code", args=[code]) if code else f"{reverse('room', args=[slug])}?channel={screens.TV}")
    context = {
        "room": watched,
        "seen": viewing.view(watched, AnonymousUser()),
        "ticket": tickets.issue(request, watched, channel=screens.SCREEN),
        "code": code,
        "address": f"{request.get_host()}{reverse('tv')}",
        "qr": _qr(link),
    }
    return render(request, "rooms/screen.html", context)


@require_safe
@never_cache
def tv(request: HttpRequest, code: str = "") -> HttpResponse:
    """The short code of a second screen, scanned or typed: on to its room."""
    given = code or request.GET.get("code", "")
    room = screens.room_of(given) if given else None
    if room is None:
        return render(request, "rooms/tv.html", {"given": given[:12]}, status=404 if given else 200)
    return redirect(f"{reverse('room', args=[room.slug])}?channel={screens.TV}")


@require_safe
@never_cache
def ticket(request: HttpRequest, slug: str) -> JsonResponse:
    """A fresh join ticket: a page left open outlives its own."""
    watched = _allowed(request, slug, Power.WATCH)
    return JsonResponse({"ticket": tickets.issue(request, watched, channel=screens.channel_of(request))})


@require_safe
@never_cache
def corner(request: HttpRequest, slug: str) -> HttpResponse:
    """The running show as a small picture for other pages; 204 when there is none."""
    watched = _allowed(request, slug, Power.WATCH)
    show = panels.shown_show(watched)
    if watched.is_banned or show is None or not viewing.is_moving(show):
        return HttpResponse(status=204)
    context = {"room": watched, "ladder": tier.current().ladder(watched.public_id), "ticket": tickets.issue(request, watched)}
    return render(request, "rooms/_corner.html", context)


@require_safe
@never_cache
def catchup(request: HttpRequest, slug: str) -> JsonResponse:
    """What a browser at ?seq= and ?chat= missed, as the socket's state frame: for networks that let no socket through."""
    place = _allowed(request, slug, Power.WATCH)
    given = request.GET.get("seq", "")
    seq = int(given) if given.isdecimal() and len(given) < 19 else -1
    missed = recovery.read(place.pk, get_language() or settings.LANGUAGE_CODE).since(seq, request.GET.get("chat", "")[:16])
    return JsonResponse({"t": "state", "kind": "caught_up", "now": server_ms(), **missed})


@require_POST
def say(request: HttpRequest, slug: str) -> HttpResponse:
    """A chat line by form, for a page whose script or connection is not there yet."""
    place = _allowed(request, slug, Power.CHAT)
    key = _key(request.POST.get("key", ""))
    chat.say(room=place, user=_user(request), key=key, text=request.POST.get("text", ""), device=_device(request))
    return redirect(_next(request, place))


@require_POST
def follow(request: HttpRequest, slug: str) -> HttpResponse:
    """Follow (to=on) or leave (to=off); the button itself comes back to htmx."""
    place = _allowed(request, slug, Power.FOLLOW)
    wants = request.POST.get("to") != "off"
    if wants:
        follows.follow(room=place, user=_user(request))
    else:
        follows.unfollow(room=place, user=_user(request))
    if not request.headers.get("hx-request"):
        return redirect(_next(request, place))
    return render(request, "rooms/_follow.html", {"room": place, "is_following": wants})


@require_POST
def reserve(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask to be reminded of the next show (to=on), or take it back (to=off)."""
    place = _allowed(request, slug, Power.FOLLOW)
    wants = request.POST.get("to") != "off"
    act = reminders.reserve if wants else reminders.cancel
    act(room=place, user=_user(request))
    if not request.headers.get("hx-request"):
        return redirect(_next(request, place))
    template = "rooms/_reserve_small.html" if request.POST.get("small") else "rooms/_reserve.html"
    return render(request, template, {"room": place, "is_reserved": wants})


@require_safe
def share(request: HttpRequest, slug: str) -> HttpResponse:
    """The room's link and its QR code."""
    place = _allowed(request, slug, Power.WATCH)
    link = public_url(request, reverse("room", args=[slug]))
    is_sheet = bool(request.headers.get("hx-request"))
    context = {"room": place, "link": link, "qr": _qr(link), "is_sheet": is_sheet}
    return render(request, "rooms/_share.html" if is_sheet else "rooms/share.html", context)


def _qr(link: str) -> SafeString:
    # segno draws it from our own link: no outside text gets into the markup.
    return mark_safe(segno.make(link, error="m").svg_inline(scale=4, border=2, dark="#1c1512", light="#fff", omitsize=True))


def _allowed(request: HttpRequest, slug: str, power: Power) -> Room:
    place = Room.objects.select_related("anchor").filter(slug=slug).first()
    if place is None:
        raise Refused(Code.NOT_FOUND)
    access.require(request.user, power, place, device=_device(request))
    return place


def _own(request: HttpRequest, place: Room) -> dict[str, Any]:
    """What the page's own buttons need."""
    channel = screens.channel_of(request)
    return {"next_url": reverse("room", args=[place.slug]) + (f"?channel={channel}" if channel else "")}


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # `access.require` has refused guests


def _device(request: HttpRequest) -> str:
    return str(getattr(request, "device", ""))


def _key(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given) if given else uuid.uuid4()
    except ValueError as error:
        raise Refused(Code.INVALID, why=given) from error


def _next(request: HttpRequest, place: Room) -> str:
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("room", args=[place.slug])
