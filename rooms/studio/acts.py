"""The studio's buttons for room, show and shelf: each checks its form and calls one action."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from accounts import access, people
from accounts.models import User
from catalog.models import Product
from liveshop.refusals import Code, Refused
from rooms import opening, shelf, stage
from rooms.models import Room, ShelfItem
from rooms.studio import covers, preflight
from rooms.studio.desk import done, enter, require
from rooms.studio.forms import PlanForm, RoomForm, fields

SHOW_PANELS = ("stage", "preflight", "kpi", "curve", "log")


@require_POST
def open_room(request: HttpRequest) -> HttpResponse:
    """Become an anchor, if she is none, and open her room: one step."""
    if not request.user.is_authenticated:
        raise Refused(Code.LOGIN_REQUIRED)
    form = fields(RoomForm(request.POST))
    user: User = people.become_anchor(user=request.user)
    room = opening.open_room(by=user, title=form["title"], slug=form["slug"])
    return redirect("studio", room.slug)


@require_POST
def plan(request: HttpRequest, slug: str) -> HttpResponse:
    desk = enter(request, slug)
    form = fields(PlanForm(request.POST))
    stage.plan_show(room=desk.room, by=desk.user, title=form["title"], planned_at=form["planned_at"])
    if request.POST.get("from") == "home":
        return redirect("studio_home")
    return done(request, slug, *SHOW_PANELS, said=_("Planned"))


@require_POST
def cancel(request: HttpRequest, slug: str, show: str) -> HttpResponse:
    """Take a planned show back, from the studio's home."""
    desk = enter(request, slug)
    stage.cancel_show(room=desk.room, show=get_object_or_404(desk.room.shows, public_id=show), by=desk.user)
    return HttpResponseClientRefresh() if request.headers.get("hx-request") else redirect("studio_home")


@require_POST
def go_live(request: HttpRequest, slug: str) -> HttpResponse:
    """Start, when nothing on the checklist blocks it."""
    desk = enter(request, slug)
    require(desk, access.Power.GO_LIVE)
    show = desk.show
    title = request.POST.get("title", "").strip() or (show.title if show else desk.room.title)
    preflight.require_ready(desk.room, title)
    stage.go_live(room=desk.room, by=desk.user, title=title)
    return done(request, slug, *SHOW_PANELS, said=_("You are live"))


@require_POST
def end(request: HttpRequest, slug: str) -> HttpResponse:
    desk = enter(request, slug)
    stage.end_show(room=desk.room, by=desk.user, reason=request.POST.get("reason", ""))
    return done(request, slug, *SHOW_PANELS, "shelf", said=_("The show is over"))


@require_POST
def interrupt(request: HttpRequest, slug: str) -> HttpResponse:
    """“Back in a minute”: viewers are told, the room stays as it is."""
    desk = enter(request, slug)
    require(desk, access.Power.GO_LIVE)
    stage.interrupt(room=desk.room, by=desk.user)
    return done(request, slug, *SHOW_PANELS)


@require_POST
def resume(request: HttpRequest, slug: str) -> HttpResponse:
    desk = enter(request, slug)
    require(desk, access.Power.GO_LIVE)
    stage.resume(room=desk.room, by=desk.user)
    return done(request, slug, *SHOW_PANELS)


@require_POST
def cover(request: HttpRequest, slug: str) -> HttpResponse:
    """A new cover picture, from a file or from a product on the shelf."""
    desk = enter(request, slug)
    require(desk, access.Power.GO_LIVE)
    upload = request.FILES.get("cover")
    if upload is None or upload.file is None:
        raise Refused(Code.INVALID, why=_("Choose a picture"))
    opening.set_cover(room=desk.room, by=desk.user, path=covers.store(upload.file, upload.size or 0))
    return redirect("studio", slug)


@require_POST
def pin(request: HttpRequest, slug: str, item: str) -> HttpResponse:
    desk = enter(request, slug)
    stage.pin(room=desk.room, item=_item(desk.room, item), by=desk.user)
    return done(request, slug, "shelf", "stage")


@require_POST
def unpin(request: HttpRequest, slug: str) -> HttpResponse:
    desk = enter(request, slug)
    stage.unpin(room=desk.room, by=desk.user)
    return done(request, slug, "shelf", "stage")


@require_POST
def add(request: HttpRequest, slug: str, product: str) -> HttpResponse:
    desk = enter(request, slug)
    require(desk, access.Power.SHELF)
    item = shelf.add_item(room=desk.room, product=get_object_or_404(Product, public_id=product), by=desk.user)
    return done(request, slug, "shelf", "preflight", said=_("Number %(number)s is on the shelf") % {"number": item.number})


@require_POST
def remove(request: HttpRequest, slug: str, item: str) -> HttpResponse:
    desk = enter(request, slug)
    shelf.remove_item(room=desk.room, item=_item(desk.room, item), by=desk.user)
    return done(request, slug, "shelf", "preflight", "stage")


@require_POST
def order(request: HttpRequest, slug: str) -> HttpResponse:
    """The shelf in the order of `ids`, public ids with spaces between."""
    desk = enter(request, slug)
    shelf.reorder(room=desk.room, public_ids=request.POST.get("ids", "").split(), by=desk.user)
    return done(request, slug, "shelf")


@require_POST
def notice(request: HttpRequest, slug: str) -> HttpResponse:
    desk = enter(request, slug)
    stage.set_notice(room=desk.room, by=desk.user, text=request.POST.get("notice", ""))
    return done(request, slug, "notice", "preflight", said=_("The notice is up"))


def _item(room: Room, public_id: str) -> ShelfItem:
    return get_object_or_404(ShelfItem, room=room, public_id=public_id)
