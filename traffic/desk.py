"""Doors of the operators' desk: the live wall and its levers."""

from typing import cast

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from campaigns import deals
from campaigns.models import Deal
from liveshop.refusals import Code, Refused, explain
from rooms import stage
from rooms.models import Room
from traffic.wall import wall


def dashboard(request: HttpRequest, context: dict[str, object]) -> dict[str, object]:
    """The admin's first page starts with the wall."""
    return {**context, "wall": wall()}


@staff_member_required
@require_GET
def wall_view(request: HttpRequest) -> HttpResponse:
    """The wall alone, for its refresh; a form being filled in is left alone by the page's own trigger."""
    if "HX-Request" not in request.headers:
        return redirect("admin:index")
    return render(request, "traffic/_wall.html", {"wall": wall(), **admin.site.each_context(request)})


@staff_member_required
@require_POST
def steer_room(request: HttpRequest, slug: str) -> HttpResponse:
    """End the show, or ban the room, with a reason."""
    room = get_object_or_404(Room, slug=slug)
    levers = {"end": stage.end_show, "ban": stage.ban_room, "unban": stage.unban_room}
    return _pull(request, levers.get(request.POST.get("do", "")), room=room)


@staff_member_required
@require_POST
def steer_deal(request: HttpRequest, public_id: str) -> HttpResponse:
    """Freeze a deal or open it again, with a reason."""
    deal = get_object_or_404(Deal, public_id=public_id)
    levers = {"freeze": deals.freeze, "unfreeze": deals.unfreeze}
    return _pull(request, levers.get(request.POST.get("do", "")), deal=deal)


def said() -> dict[str, str]:
    """What was done, by lever."""
    return {
        "end": _("The show is over"),
        "ban": _("The room is closed"),
        "unban": _("The room is open again"),
        "freeze": _("The deal is frozen: nobody can claim it"),
        "unfreeze": _("The deal is open again"),
    }


def _pull(request: HttpRequest, lever: object, **target: object) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()
    try:
        if not callable(lever) or not reason:
            raise Refused(Code.INVALID, why=_("A reason is needed"))
        lever(**target, by=cast(User, request.user), reason=reason)
        messages.success(request, said()[request.POST["do"]])
    except Refused as refused:
        told = explain(refused)
        messages.error(request, f"{told.sentence} {told.reason}".strip())
    return redirect("admin:index")
