"""The studio's pages and fragments: home, the desk itself, panels, goods to add, a person's card, the rows behind a number, a report."""

from django.db.models import Min, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from accounts import access
from accounts.models import Sanction, User
from catalog.models import Product, ProductState
from liveshop.refusals import Code, Refused
from rooms import chat, moderation, stage, upcoming
from rooms.models import ChatLine, ChatState, Follow, FollowChange, ModeratorGrant, Room, Show
from rooms.realtime import tickets
from rooms.screens import TV
from rooms.studio import drawing
from rooms.studio.desk import Desk, enter, powers_in, require
from rooms.studio.panels import PANELS, shown
from rooms.video import tier

MINUTE_COLUMNS = {"online": "online", "sales": "sales_fen", "orders": "orders", "views": "joins"}
DARK_COOKIE = "studio_theme"


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """My room, the rooms I moderate, what is planned and what is past."""
    user = request.user
    if not user.is_authenticated:
        raise Refused(Code.LOGIN_REQUIRED)
    room = Room.objects.filter(anchor=user).first()
    grants = ModeratorGrant.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), user=user)
    context = {
        "room": room,
        "show": stage.current_show(room) if room else None,
        "running": stage.RUNNING,
        "has_sold": Show.objects.filter(room=room, sales_fen__gt=0).exists() if room else False,
        "planned": upcoming.planned(room) if room else [],
        "past": Show.objects.filter(room=room).exclude(started_at=None).exclude(state__in=stage.RUNNING).order_by("-started_at")[:20]
        if room
        else [],
        "grants": grants.exclude(room__is_rehearsal=True).select_related("room__anchor").order_by("-created_at"),
        "product_count": Product.objects.filter(shop__owner=user, state=ProductState.ON_SALE).count(),
    }
    return render(request, "studio/home.html", context)


@require_GET
def studio(request: HttpRequest, slug: str) -> HttpResponse:
    """The desk with all its panels."""
    desk = enter(request, slug)
    lines = chat.recent(desk.room, limit=80)
    grant = desk.room.moderators.filter(user=desk.user).first()
    context = {
        "desk": desk,
        "room": desk.room,
        "panels": {name: draw(request, desk, name) for name in PANELS},
        "lines": lines,
        "held": chat.held_lines(desk.room.pk),
        "ticket": tickets.issue(request, desk.room, staff=True),
        "until": grant.expires_at if grant and not desk.is_owner else None,
        "is_dark": request.COOKIES.get(DARK_COOKIE) == "dark",
        "mute_minutes": moderation.MUTE_MINUTES,
        "ladder": tier.current().ladder(desk.room.public_id),
        "camera_path": tier.current().camera_path(desk.room.public_id),
    }
    return render(request, "studio/studio.html", context)


@require_GET
def ticket(request: HttpRequest, slug: str) -> HttpResponse:
    """A fresh ticket for the operators' socket."""
    desk = enter(request, slug)
    return JsonResponse({"ticket": tickets.issue(request, desk.room, staff=True)})


@require_GET
def panel(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """One panel as it is now."""
    desk = enter(request, slug)
    if name not in PANELS:
        raise Http404
    return HttpResponse(draw(request, desk, name))


def draw(request: HttpRequest, desk: Desk, name: str) -> str:
    """The panel's inner HTML for this person."""
    template, context = PANELS[name]
    html = render_to_string(template, {"desk": desk, "room": desk.room, **context(desk)}, request=request)
    return mark_safe(html)


@require_GET
def goods(request: HttpRequest, slug: str) -> HttpResponse:
    """The anchor's own goods that may be added, by a piece of their title."""
    desk = enter(request, slug)
    require(desk, access.Power.SHELF)
    text = request.GET.get("q", "").strip()
    products = Product.objects.filter(shop__owner_id=desk.room.anchor_id, state=ProductState.ON_SALE)
    products = products.exclude(shelf_items__in=desk.room.shelf_items.filter(is_listed=True))
    if text:
        products = products.filter(Q(title__icontains=text) | Q(merchant_code__iexact=text))
    found = products.prefetch_related("pictures").annotate(price_fen=Min("skus__price_fen"), stock=Sum("skus__stock_available"))
    template = "studio/_goods_rows.html" if "q" in request.GET else "studio/_goods.html"
    return render(request, template, {"desk": desk, "room": desk.room, "products": found.order_by("-pk")[:30], "text": text})


@require_GET
def person(request: HttpRequest, slug: str, public_id: str) -> HttpResponse:
    """Who is this: since when she follows, what she did in this room, earlier sanctions, and what may be done about it."""
    desk = enter(request, slug)
    user = get_object_or_404(User, public_id=public_id)
    lines = ChatLine.objects.filter(room=desk.room, user=user)
    earlier = Sanction.objects.filter(user=user, scope__in=[f"room:{desk.room.public_id}", "platform"]).order_by("-pk")[:5]
    context = {
        "desk": desk,
        "room": desk.room,
        "person": user,
        "line": lines.filter(public_id=request.GET.get("line", "")).first(),
        "follow": Follow.objects.filter(room=desk.room, user=user).first(),
        "line_count": lines.count(),
        "deleted_count": lines.filter(state=ChatState.DELETED).count(),
        "recent": reversed(lines.order_by("-pk")[:5]),
        "earlier": earlier,
        "outranks": access.rank(desk.user, desk.room) > access.rank(user, desk.room),
        "is_moderator": bool(powers_in(user, desk.room)),
        "mute_minutes": moderation.MUTE_MINUTES,
        "has_paid": user.first_paid_at is not None,
    }
    return render(request, "studio/_person.html", context)


@require_GET
def rows(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """What a number is made of."""
    desk = enter(request, slug)
    show = shown(desk)
    if show is None:
        raise Http404
    if name == "followers":
        changes = FollowChange.objects.filter(show=show).select_related("user").order_by("-pk")[:200]
        gained = FollowChange.objects.filter(show=show, change=1).count()
        lost = FollowChange.objects.filter(show=show, change=-1).count()
        return render(request, "studio/_follower_rows.html", {"changes": changes, "gained": gained, "lost": lost, "show": show})
    if name not in MINUTE_COLUMNS:
        raise Http404
    return render(request, "studio/_rows.html", {"drawing": drawing.draw(show), "column": name, "show": show})


@require_GET
def report(request: HttpRequest, slug: str, public_id: str) -> HttpResponse:
    """A past show: its figures, its curve, what was shown and how it sold."""
    desk = enter(request, slug)
    show = get_object_or_404(Show, room=desk.room, public_id=public_id)
    pins = show.pins.select_related("item__product", "by").order_by("started_at")
    context = {"desk": desk, "room": desk.room, "show": show, "drawing": drawing.draw(show), "pins": pins}
    context["recordings"] = show.recordings.filter(removed_at=None, duration_ms__gt=0)
    context["from_screens"] = show.viewers.filter(channel=TV).count()
    context["gpm_fen"] = show.sales_fen * 1000 // show.view_count if show.view_count else None
    return render(request, "studio/report.html", context)
