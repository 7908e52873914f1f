"""Campaigns in the admin site: registers to look at, and festival coupons with a dry run."""

from typing import Any, cast
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from campaigns import festival
from campaigns.models import Claim, Coupon, CouponAudience, CouponGrant, Deal, Drop
from catalog.forms import NamedChoice
from catalog.models import Category
from liveshop.clock import now
from liveshop.readonly import ReadOnlyAdmin
from liveshop.refusals import Refused, explain
from rooms.models import Room


class MomentField(forms.DateTimeField):
    """A day and minute, in the site's zone; may be left empty."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
        super().__init__(required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"], widget=widget, **options)


class FestivalForm(forms.Form):
    """What to give, and where. `key`: sent twice, it gives once."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    title = forms.CharField(label=gettext_lazy("Name"), max_length=40, widget=UnfoldAdminTextInputWidget)
    category = NamedChoice(
        label=gettext_lazy("Good for"), queryset=Category.objects.order_by("position", "pk"), required=False, widget=UnfoldAdminSelectWidget
    )
    off = forms.DecimalField(label=gettext_lazy("Off (¥)"), min_value=1, decimal_places=2, initial=10, widget=UnfoldAdminDecimalFieldWidget)
    threshold = forms.DecimalField(
        label=gettext_lazy("From (¥)"), min_value=0, decimal_places=2, initial=39, widget=UnfoldAdminDecimalFieldWidget
    )
    total = forms.IntegerField(
        label=gettext_lazy("How many in each room"), min_value=1, max_value=100_000, initial=100, widget=UnfoldAdminIntegerFieldWidget
    )
    per_person = forms.IntegerField(label=gettext_lazy("Per person"), min_value=1, initial=1, widget=UnfoldAdminIntegerFieldWidget)
    audience = forms.TypedChoiceField(
        label=gettext_lazy("For whom"), choices=CouponAudience.choices, coerce=int, widget=UnfoldAdminSelectWidget
    )
    follow_within = forms.IntegerField(
        label=gettext_lazy("New followers: first followed within (minutes)"),
        min_value=1,
        max_value=43_200,
        initial=10,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    starts_at = MomentField(label=gettext_lazy("Opens at (empty: anchors press)"))
    ends_at = MomentField(label=gettext_lazy("Until (empty: as long as a drop)"))
    valid_days = forms.IntegerField(
        label=gettext_lazy("Valid for (days)"), min_value=1, max_value=365, initial=3, widget=UnfoldAdminIntegerFieldWidget
    )
    rooms = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Rooms (none: for all, on the page of one’s coupons)"),
        queryset=Room.objects.filter(is_banned=False, is_rehearsal=False).order_by("title"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        cast(NamedChoice, self.fields["category"]).empty_label = _("the whole site")

    def clean(self) -> dict[str, Any]:
        """What does not go together is said at the field, before the dry run."""
        values = super().clean() or {}
        if values.get("audience") != CouponAudience.ANYONE and not values.get("rooms"):
            self.add_error("audience", _("Followers are a room’s: choose rooms"))
        starts_at, ends_at = values.get("starts_at"), values.get("ends_at")
        if starts_at and not ends_at and "ends_at" not in self.errors:
            self.add_error("ends_at", _("Say when it ends as well"))
        if ends_at and ends_at <= max(now(), starts_at or now()):
            self.add_error("ends_at", _("The end must be later than the start"))
        return values

    def offer(self) -> festival.Offer:
        """The cleaned form as an offer; yuan become fen."""
        values = self.cleaned_data
        return festival.Offer(
            title=values["title"],
            off_fen=int(values["off"] * 100),
            threshold_fen=int(values["threshold"] * 100),
            total=values["total"],
            per_person=values["per_person"],
            audience=values["audience"],
            valid_days=values["valid_days"],
            category_id=values["category"].pk if values["category"] else None,
            follow_within_s=60 * (values["follow_within"] or 10),
            starts_at=values["starts_at"],
            ends_at=values["ends_at"],
        )


@admin.register(Coupon)
class CouponAdmin(ReadOnlyAdmin):
    list_display = ["title", "target", "audience", "funder", "room", "issued", "total", "off_fen", "threshold_fen", "state"]
    list_filter = ["state", "funder", "target", "audience"]
    search_fields = ["title", "room__title", "shop__name"]
    change_list_template = "campaigns/admin_coupons.html"

    def get_urls(self) -> list[URLPattern]:
        own = [path("festival", self.admin_site.admin_view(self.festival), name="campaigns_coupon_festival")]
        return own + cast("list[URLPattern]", super().get_urls())

    def festival(self, request: HttpRequest) -> HttpResponse:
        """Fill in, look at the dry run, and only then give."""
        if not self.has_view_permission(request):
            return redirect("admin:index")
        form = FestivalForm(request.POST or None, initial={"key": uuid4()})
        outlook = None
        if form.is_valid():
            rooms = list(form.cleaned_data["rooms"])
            outlook = festival.dry_run(rooms=rooms, offer=form.offer())
            if "give" in request.POST:
                try:
                    festival.give(rooms=rooms, offer=form.offer(), by=cast(User, request.user), key=form.cleaned_data["key"])
                except Refused as refused:
                    told = explain(refused)
                    messages.error(request, f"{told.sentence} {told.reason}".strip())
                else:
                    messages.success(request, _told(rooms, form.offer()))
                    return redirect("admin:campaigns_coupon_changelist")
        context = {**self.admin_site.each_context(request), "title": _("Festival coupon"), "form": form, "outlook": outlook}
        return render(request, "campaigns/admin_festival.html", context)


def _told(rooms: list[Room], offer: festival.Offer) -> str:
    if not rooms:
        return _("Given: everybody can take it on the page of one’s coupons")
    if offer.starts_at:
        return _("Given to %(n)s rooms; it opens there by itself") % {"n": len(rooms)}
    return _("Given to %(n)s rooms; their anchors can drop it now") % {"n": len(rooms)}


@admin.register(Deal)
class DealAdmin(ReadOnlyAdmin):
    list_display = [
        "title",
        "room",
        "kind",
        "state",
        "available",
        "held",
        "sold",
        "total",
        "attempts",
        "starts_at",
        "ends_at",
        "freeze_reason",
    ]
    list_filter = ["state", "kind"]
    search_fields = ["title", "room__title", "public_id"]


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "deal", "user", "place", "state", "claimed_at", "expires_at"]
    list_filter = ["state"]
    search_fields = ["public_id", "user__nickname", "deal__title"]


@admin.register(CouponGrant)
class CouponGrantAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "coupon", "user", "state", "order_ref", "granted_at", "expires_at"]
    list_filter = ["state"]
    search_fields = ["user__nickname", "order_ref"]


@admin.register(Drop)
class DropAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "room", "deal", "coupon", "state", "pressed_at", "by"]
    list_filter = ["state"]
