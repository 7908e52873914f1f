"""Rooms, shows and recordings in the admin site: to look at, for the live wall steers them; and how long recordings stay."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.access import Power, operator_powers
from accounts.desk import acting
from liveshop.readonly import ReadOnly, ReadOnlyAdmin
from rooms import stage
from rooms.models import ChatLine, Room, RoomEvent, RoomWord, Show
from rooms.video import holds
from rooms.video.models import Recording


class KeeperAdmin(ReadOnlyAdmin):
    """Rows that operators who may cut shows open, to say how long recordings stay; nothing else of them changes."""

    def _is_mine(self, request: HttpRequest) -> bool:
        return Power.CUT_SHOW in operator_powers(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_mine(request) or bool(super().has_module_permission(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request) or bool(super().has_view_permission(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields if field.name != "id"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """The models' own help is for developers."""
        silent = dict.fromkeys(self.get_readonly_fields(request, obj), "")
        return super().get_form(request, obj, change, **options | {"help_texts": silent})

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The audit log has it already."""


class RoomForm(forms.ModelForm):
    """How many days this room's recordings are kept."""

    days = forms.IntegerField(
        label=_("Days to keep its recordings"),
        required=False,
        min_value=1,
        max_value=32767,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Empty: as set for the whole site. Chinese law asks for three years of shows that sell."),
    )

    class Meta:
        model = Room
        fields: list[str] = []

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["days"].initial = self.instance.keep_days


@admin.register(Room)
class RoomAdmin(KeeperAdmin):
    form = RoomForm
    list_display = ["title", "slug", "anchor", "follower_count", "seq", "is_banned", "ban_reason"]
    list_filter = ["is_banned"]
    search_fields = ["title", "slug", "anchor__nickname"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown = [name for name in self.get_readonly_fields(request, obj) if name != "keep_days"]
        return ["days", *shown] if self._is_mine(request) else [*shown, "keep_days"]

    def save_model(self, request: HttpRequest, obj: Room, form: Any, change: bool) -> None:
        """Never a plain save: the days alone, with their audit row."""
        if "days" in form.changed_data:
            holds.keep(room=obj, by=acting(request), days=form.cleaned_data["days"])


class HeldFilter(admin.SimpleListFilter):
    """Shows under legal hold."""

    title = _("legal hold")
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("under legal hold"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.exclude(hold_reason="") if self.value() else queryset


class RecordingInline(ReadOnly, TabularInline):
    model = Recording
    fields = ["public_id", "began_at", "ended_at", "megabytes", "removed_at"]
    readonly_fields = fields
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # who sees the show sees what is kept of it

    @display(description=_("file size"))
    def megabytes(self, row: Recording) -> str:
        return filesizeformat(row.size)


class ShowForm(forms.ModelForm):
    """The reason to hold a show's recordings, or to lift the hold."""

    hold_because = forms.CharField(
        label=_("Legal hold: keep its recordings, because"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The request of an authority, a complaint, a case number. Neither days nor quota remove them until it is lifted."),
    )
    lift_because = forms.CharField(
        label=_("Lift the legal hold, because"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What is past its days or above the room's quota goes the next night."),
    )

    class Meta:
        model = Show
        fields: list[str] = []


@admin.register(Show)
class ShowAdmin(KeeperAdmin):
    form = ShowForm
    inlines = [RecordingInline]
    list_display = [
        "title",
        "room",
        "state",
        "started_at",
        "ended_at",
        "is_held",
        "peak_online",
        "view_count",
        "viewer_count",
        "order_count",
        "sales_fen",
    ]
    list_filter = ["state", HeldFilter]
    list_select_related = ["room"]
    search_fields = ["title", "room__title", "room__slug"]
    date_hierarchy = "started_at"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The field that applies now comes first; a show that nothing is left of has none."""
        shown = self.get_readonly_fields(request, obj)
        if obj is None or not self._is_mine(request):
            return shown
        if obj.hold_reason:
            return ["hold_reason", "lift_because", *(name for name in shown if name != "hold_reason")]
        may_hold = obj.state in stage.RUNNING or obj.recordings.filter(removed_at=None).exists()
        return (["hold_because"] if may_hold else []) + shown

    def save_model(self, request: HttpRequest, obj: Show, form: Any, change: bool) -> None:
        """Never a plain save: hold or lift, with its audit row."""
        given = form.cleaned_data
        if given.get("hold_because"):
            holds.hold(show=obj, by=acting(request), reason=given["hold_because"])
        if given.get("lift_because"):
            holds.release(show=obj, by=acting(request), reason=given["lift_because"])

    @display(description=_("legal hold"), boolean=True)
    def is_held(self, show: Show) -> bool:
        return bool(show.hold_reason)


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "room", "show", "began_at", "duration_ms", "megabytes", "is_held", "removed_at"]
    list_filter = [("removed_at", admin.EmptyFieldListFilter), "began_at"]
    list_select_related = ["room", "show"]
    search_fields = ["public_id", "room__slug", "room__title", "show__title"]
    date_hierarchy = "began_at"

    @display(description=_("file size"), ordering="size")
    def megabytes(self, row: Recording) -> str:
        return filesizeformat(row.size)

    @display(description=_("legal hold"), boolean=True)
    def is_held(self, row: Recording) -> bool:
        return bool(row.show.hold_reason)


@admin.register(ChatLine)
class ChatLineAdmin(ReadOnlyAdmin):
    list_display = ["at", "room", "user", "text", "state", "hit_word", "decided_by"]
    list_filter = ["state", "kind"]
    search_fields = ["text", "user__nickname", "room__slug"]


@admin.register(RoomEvent)
class RoomEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "room", "seq", "kind", "panels", "actor"]
    list_filter = ["kind"]
    search_fields = ["room__slug", "actor__nickname"]


@admin.register(RoomWord)
class RoomWordAdmin(ReadOnlyAdmin):
    list_display = ["word", "action", "room"]
    search_fields = ["word"]
