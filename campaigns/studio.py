"""The anchor's side of drops: a part of the studio that is drawn and answered by htmx."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.access import Power
from accounts.models import User
from campaigns import coupons, deals, drops
from campaigns.models import CouponAudience, CouponState, DealKind, DealState, Drop, DropState
from catalog.models import Sku
from liveshop.clock import now
from liveshop.money import format_fen
from liveshop.refusals import Code, Refused, explain
from rooms.models import Room

DONE_FOR = timedelta(hours=12)
PRESSED, PAST = 60, 6
COUNTDOWN_MAX_S = 120


class OnShelf(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        """Product, variant and what is in stock."""
        name = f" {obj.name}" if obj.name else ""
        stock = _("stock %(n)s") % {"n": obj.stock_available}
        return f"{obj.product.title}{name} · {format_fen(obj.price_fen)} · {stock}"


class WhenForm(forms.Form):
    """When it opens and for how long."""

    at = forms.DateTimeField(
        label=gettext_lazy("Opens at (empty: by hand)"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    run_s = forms.IntegerField(label=gettext_lazy("Runs for (s)"), min_value=10, max_value=86_400, initial=300)


class DealForm(WhenForm):
    sku = OnShelf(label=gettext_lazy("Product"), queryset=Sku.objects.none(), to_field_name="public_id", empty_label=None)
    kind = forms.TypedChoiceField(label=gettext_lazy("Kind"), choices=DealKind.choices, coerce=int)
    price = forms.DecimalField(label=gettext_lazy("Price (¥)"), min_value=Decimal("0.01"), decimal_places=2, initial=Decimal("1.00"))
    total = forms.IntegerField(label=gettext_lazy("Units"), min_value=1, max_value=deals.MAX_TOTAL, initial=20)
    field_order = ["sku", "kind", "price", "total", "run_s", "at"]

    def __init__(self, *args: Any, room: Room, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"auto_id": "deal-%s"})
        known = Sku.objects.filter(
            product__shelf_items__room=room, product__shelf_items__is_listed=True, product__shop__owner_id=room.anchor_id
        )
        choice = cast(OnShelf, self.fields["sku"])
        choice.queryset = known.select_related("product__shop").order_by("product__shelf_items__position", "position").distinct()


class CouponForm(WhenForm):
    product = OnShelf(
        label=gettext_lazy("For"),
        queryset=Sku.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label=gettext_lazy("My whole shop"),
    )
    off = forms.DecimalField(label=gettext_lazy("Off (¥)"), min_value=Decimal("0.01"), decimal_places=2, initial=Decimal("5.00"))
    threshold = forms.DecimalField(label=gettext_lazy("From (¥)"), min_value=Decimal("0.00"), decimal_places=2, initial=Decimal("39.00"))
    total = forms.IntegerField(label=gettext_lazy("How many"), min_value=1, max_value=coupons.MAX_TOTAL, initial=100)
    per_person = forms.IntegerField(label=gettext_lazy("Per person"), min_value=1, max_value=100, initial=1)
    audience = forms.TypedChoiceField(label=gettext_lazy("For whom"), choices=CouponAudience.choices, coerce=int)
    follow_within = forms.IntegerField(label=gettext_lazy("New for (minutes)"), min_value=1, max_value=43_200, initial=10, required=False)
    valid_days = forms.IntegerField(label=gettext_lazy("Valid for (days)"), min_value=1, max_value=365, initial=3)
    field_order = ["product", "off", "threshold", "total", "per_person", "audience", "follow_within", "valid_days", "run_s", "at"]

    def __init__(self, *args: Any, room: Room, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"auto_id": "coupon-%s"})
        cast(OnShelf, self.fields["product"]).queryset = DealForm(room=room).fields["sku"].queryset  # type: ignore[attr-defined]


@require_safe
@never_cache
def drops_panel(request: HttpRequest, slug: str) -> HttpResponse:
    """Planned, open and recent drops, and the forms to plan more."""
    return _panel(request, _room(request, slug))


@require_POST
def plan_deal(request: HttpRequest, slug: str) -> HttpResponse:
    """Plan a deal; `press` opens it at once."""
    room = _room(request, slug)
    form = DealForm(request.POST, room=room)
    if not form.is_valid():
        return _panel(request, room, deal_form=form)
    asked = form.cleaned_data
    try:
        deal = deals.plan(
            room=room,
            sku=asked["sku"],
            by=_user(request),
            kind=asked["kind"],
            price_fen=_fen(asked["price"]),
            total=asked["total"],
            run_s=asked["run_s"],
            at=asked["at"],
            per_day_limit=settings.DEALS_A_DAY,
        )
        if "press" in request.POST:
            drops.press(drop=deal.drop, by=_user(request))
    except Refused as refused:
        return _panel(request, room, deal_form=form, refused=refused)
    return _done(request, room, deal.drop)


@require_POST
def plan_coupon(request: HttpRequest, slug: str) -> HttpResponse:
    """Plan a coupon; `press` drops it at once."""
    room = _room(request, slug)
    form = CouponForm(request.POST, room=room)
    if not form.is_valid():
        return _panel(request, room, coupon_form=form)
    asked, user = form.cleaned_data, _user(request)
    product = asked["product"].product if asked["product"] else None
    shop = None if product else room.anchor.shops.first()
    try:
        if product is None and shop is None:
            raise Refused(Code.INVALID, why=_("Choose a product: you have no shop of your own"))
        coupon = coupons.plan(
            by=user,
            title="",
            off_fen=_fen(asked["off"]),
            threshold_fen=_fen(asked["threshold"]),
            total=asked["total"],
            target=coupons.Target(product=product, shop=shop),
            room=room,
            audience=asked["audience"],
            per_person=asked["per_person"],
            follow_within_s=60 * (asked["follow_within"] or 10),
            valid_days=asked["valid_days"],
        )
        drop = drops.plan(room=room, coupon=coupon, by=user, at=asked["at"], run_s=asked["run_s"])
        if "press" in request.POST:
            drops.press(drop=drop, by=user)
    except Refused as refused:
        return _panel(request, room, coupon_form=form, refused=refused)
    return _done(request, room, drop)


@require_POST
def act(request: HttpRequest, slug: str, public_id: str, verb: str) -> HttpResponse:
    """One of the verbs of a drop: press, undo, freeze, unfreeze, end, cancel."""
    room = _room(request, slug)
    drop = room.drops.select_related("deal__room", "deal__sku", "coupon__room", "coupon__product__shop", "coupon__shop", "room")
    found = drop.filter(public_id=public_id).first()
    if found is None or verb not in _VERBS:
        raise Refused(Code.NOT_FOUND)
    try:
        _VERBS[verb](found, _user(request), request.POST)
    except Refused as refused:
        if not request.headers.get("hx-target"):  # asked from the toast, which has no place for the panel
            raise
        return _panel(request, room, refused=refused)
    return _done(request, room, found) if verb == "press" else _panel(request, room)


def _done(request: HttpRequest, room: Room, drop: Drop) -> HttpResponse:
    """The panel; after a press also the toast with the way back, for whoever does not see the card."""
    answer = _panel(request, room)
    drop.refresh_from_db()
    if drop.can_undo:
        undo = reverse("studio_drop_act", args=[room.slug, drop.public_id, "undo"])
        news = {"panels": ["head"], "said": _("The drop opens now"), "undo": undo, "undo_s": settings.DROP_UNDO_S}
        answer.headers["HX-Trigger"] = json.dumps({"studio": news})
    return answer


def _press(drop: Drop, by: User, given: QueryDict) -> None:
    """With a countdown of `opens_in` seconds, or as soon as the undo is over."""
    opens_in = given.get("opens_in", "0")
    if not opens_in.isdecimal() or int(opens_in) > COUNTDOWN_MAX_S:
        raise Refused(Code.INVALID, why=opens_in)
    drops.press(drop=drop, by=by, opens_in_s=int(opens_in))


def _undo(drop: Drop, by: User, given: QueryDict) -> None:
    drops.undo(drop=drop, by=by)


def _freeze(drop: Drop, by: User, given: QueryDict) -> None:
    deals.freeze(deal=_deal_of(drop), by=by, reason=given.get("reason", ""))


def _unfreeze(drop: Drop, by: User, given: QueryDict) -> None:
    deals.unfreeze(deal=_deal_of(drop), by=by, reason=given.get("reason", ""))


def _end(drop: Drop, by: User, given: QueryDict) -> None:
    if drop.coupon is not None:
        coupons.end(coupon=drop.coupon, by=by, reason=given.get("reason", ""))
    else:
        deals.end(deal=_deal_of(drop), by=by, reason=given.get("reason", ""))


def _cancel(drop: Drop, by: User, given: QueryDict) -> None:
    if drop.coupon is not None:
        coupons.end(coupon=drop.coupon, by=by, reason=given.get("reason", ""))
    else:
        deals.cancel(deal=_deal_of(drop), by=by)


_VERBS: dict[str, Callable[[Drop, User, QueryDict], None]] = {
    "press": _press,
    "undo": _undo,
    "freeze": _freeze,
    "unfreeze": _unfreeze,
    "end": _end,
    "cancel": _cancel,
}


def _deal_of(drop: Drop) -> Any:
    if drop.deal is None:
        raise Refused(Code.NOT_FOUND)
    return drop.deal


def _panel(
    request: HttpRequest,
    room: Room,
    deal_form: DealForm | None = None,
    coupon_form: CouponForm | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    told = explain(refused) if refused else None
    context = {
        "room": room,
        "drops": _current(room),
        "deal_form": deal_form or DealForm(room=room),
        "coupon_form": coupon_form or CouponForm(room=room),
        "opened": "deal" if deal_form else "coupon" if coupon_form else "",
        "told": told,
        "states": DealState,
        "may_freeze": access.may(request.user, Power.FREEZE_DEAL, room),
    }
    return render(request, "campaigns/studio_drops.html", context, status=told.status if told else 200)


def _current(room: Room) -> list[Drop]:
    """Planned ones first, then what is open, then the last that ended."""
    found = room.drops.select_related("deal__sku__product", "coupon").exclude(deal__state=DealState.CANCELLED).order_by("-pk")
    planned = [drop for drop in found.exclude(state=DropState.DROPPED) if not _is_dead(drop)]
    pressed = list(found.filter(state=DropState.DROPPED, pressed_at__gt=now() - DONE_FOR)[:PRESSED])
    past = [drop for drop in pressed if drop.is_over]
    return [*planned, *(drop for drop in pressed if not drop.is_over), *past[:PAST]]


def _is_dead(drop: Drop) -> bool:
    return drop.coupon is not None and drop.coupon.state == CouponState.ENDED and drop.pressed_at is None


def _room(request: HttpRequest, slug: str) -> Room:
    room = Room.objects.select_related("anchor").filter(slug=slug).first()
    if room is None:
        raise Refused(Code.NOT_FOUND)
    if not access.may(request.user, Power.FREEZE_DEAL, room):
        access.require(request.user, Power.DROP, room)
    return room


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _fen(amount: Decimal) -> int:
    return int(amount * 100)
