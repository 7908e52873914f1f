"""Rehearsals in the studio: booking one, watching it run, its score."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.access import Power
from accounts.models import User
from campaigns.models import DealState, Drop, DropState, Rehearsal, RehearsalState
from campaigns.rehearsal import bookings, words
from campaigns.studio import DealForm
from liveshop.refusals import Code, Refused, explain
from rooms.models import Room
from rooms.studio.desk import Desk, enter

PAST = 10


class BookingForm(DealForm):
    """A deal as it would be planned, before how many, for how long. A draft of the room stands for the deal."""

    crowd = forms.IntegerField(label=gettext_lazy("Crowd"))
    length_s = forms.TypedChoiceField(
        label=gettext_lazy("At most"),
        choices=[
            (60, gettext_lazy("1 minute")),
            (180, gettext_lazy("3 minutes")),
            (300, gettext_lazy("5 minutes")),
            (600, gettext_lazy("10 minutes")),
        ],
        coerce=int,
        initial=180,
    )
    field_order = ["sku", "price", "total", "run_s"]

    def __init__(self, *args: Any, room: Room, **kwargs: Any) -> None:
        super().__init__(*args, room=room, **kwargs)
        self.fields.pop("kind")
        self.fields.pop("at")
        most = settings.REHEARSAL_CROWD_MAX
        crowd = cast(forms.IntegerField, self.fields["crowd"])
        crowd.initial = min(100, most)
        crowd.widget = forms.NumberInput(attrs={"type": "range", "min": bookings.CROWD_MIN, "max": most, "step": 10})
        run = cast(forms.IntegerField, self.fields["run_s"])
        run.initial = 60
        run.max_value = bookings.RUN_S[1]
        if self.data.get("draft"):
            for name in ("sku", "price", "total", "run_s"):
                self.fields[name].required = False


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def rehearsals(request: HttpRequest, slug: str) -> HttpResponse:
    """Book one (POST), or see the form and what was scored before."""
    desk = _desk(request, slug)
    form, told = BookingForm(request.POST if request.method == "POST" else None, room=desk.room), None
    if request.method == "POST" and form.is_valid():
        try:
            booked = bookings.book(room=desk.room, by=desk.user, **_wanted(desk.room, form, request.POST.get("draft", "")))
            return redirect("studio_rehearsal", slug, booked.public_id)
        except Refused as refused:
            told = explain(refused)
    context = {
        "room": desk.room,
        "desk": desk,
        "form": form,
        "told": told,
        "drafts": _drafts(desk.room),
        "past": desk.room.rehearsals.order_by("-pk")[:PAST],
        "going": desk.room.rehearsals.filter(slot=1).first(),
        "states": RehearsalState,
        "is_on_air": desk.is_running,
        "most": settings.REHEARSAL_CROWD_MAX,
    }
    return render(request, "campaigns/rehearsals.html", context, status=told.status if told else 422 if form.errors else 200)


@require_safe
@never_cache
def rehearsal(request: HttpRequest, slug: str, public_id: str) -> HttpResponse:
    """How it goes, or its score; htmx asks for the inner part again while it runs."""
    desk = _desk(request, slug)
    found = _rehearsal(desk.room, public_id)
    context: dict[str, Any] = {
        "room": desk.room,
        "desk": desk,
        "rehearsal": found,
        "states": RehearsalState,
        "may_end": access.may(desk.user, Power.GO_LIVE, desk.room),
    }
    if found.score:
        context |= {"lines": words.lines(found.score), "advice": words.advice(found.score), "figures": found.score["figures"]}
    elif not found.is_going_on:
        context["why"] = words.why_not(found.why)
    template = "campaigns/_rehearsal.html" if request.headers.get("hx-request") else "campaigns/rehearsal.html"
    return render(request, template, context)


@require_POST
def wish(request: HttpRequest, slug: str, public_id: str, verb: str) -> HttpResponse:
    """Finish or abort."""
    desk = _desk(request, slug)
    found = _rehearsal(desk.room, public_id)
    bookings.wish(rehearsal=found, by=cast(User, request.user), wish=verb)
    return redirect("studio_rehearsal", slug, found.public_id)


def _desk(request: HttpRequest, slug: str) -> Desk:
    """The anchor's or a moderator's desk; an operator has no business in a practice."""
    desk = enter(request, slug)
    if not desk.is_owner and not desk.room.granted_powers(desk.user.pk):
        raise Refused(Code.FORBIDDEN)
    return desk


def _rehearsal(room: Room, public_id: str) -> Rehearsal:
    found = room.rehearsals.select_related("stage", "room__anchor", "by").filter(public_id=public_id).first()
    if found is None:
        raise Refused(Code.NOT_FOUND)
    return found


def _drafts(room: Room) -> list[Drop]:
    planned = room.drops.filter(state=DropState.PLANNED, deal__state=DealState.DRAFT).select_related("deal__sku__product__shop")
    return list(planned.order_by("-pk")[:10])


def _wanted(room: Room, form: BookingForm, draft: str) -> dict[str, Any]:
    asked = form.cleaned_data
    wanted = {"crowd": asked["crowd"], "length_s": asked["length_s"]}
    if not draft:
        return wanted | {"sku": asked["sku"], "price_fen": int(asked["price"] * 100), "total": asked["total"], "run_s": asked["run_s"]}
    drop = next((drop for drop in _drafts(room) if drop.public_id == draft), None)
    if drop is None or drop.deal is None:
        raise Refused(Code.NOT_FOUND)
    deal, run_s = drop.deal, min(drop.run_s, bookings.RUN_S[1])
    return wanted | {"sku": deal.sku, "price_fen": deal.price_fen, "total": deal.total, "run_s": run_s}
