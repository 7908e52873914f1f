"""The operators' desk for people: who is who, sanctions, the audit log, and what each operator group may do."""

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline
from unfold.decorators import display

from accounts import access, audit, deeds, identity, sanctions
from accounts.access import Power
from accounts.desk import Desk, acting
from accounts.models import AuditEntry, OperatorScope, Sanction, User
from accounts.phones import mask
from accounts.sanction_desk import SanctionAdmin

admin.site.unregister(Group)
admin.site.unregister(EmailAddress)  # people are known by phone
admin.site.register(Sanction, SanctionAdmin)

POWER_NAMES = {
    Power.MUTE: _("mute"),
    Power.BAN: _("ban"),
    Power.DELETE_CHAT: _("delete chat lines"),
    Power.FREEZE_DEAL: _("freeze deals"),
    Power.CUT_SHOW: _("cut shows"),
    Power.SEE_EARNINGS: _("see earnings"),
}


@admin.register(User)
class UserAdmin(Desk):
    """People; the phone only masked. Only a superuser makes operators, and that is written in the audit log."""

    list_display = ["nickname", "masked_phone", "roles", "date_joined", "last_login"]
    list_filter = ["is_anchor", "is_staff", "is_active", "is_demo"]
    search_fields = ["nickname", "public_id", "username", "phone"]
    ordering = ["-date_joined"]
    fields = [
        "public_id",
        "nickname",
        "masked_phone",
        "bio",
        "devices",
        "is_anchor",
        "is_staff",
        "groups",
        "is_active",
        "date_joined",
        "first_paid_at",
    ]
    readonly_fields = ["public_id", "nickname", "masked_phone", "bio", "devices", "date_joined", "first_paid_at"]
    filter_horizontal = ["groups"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Saves with its audit row; the admin's own transaction holds both."""
        before = {field: form.initial.get(field) for field in form.changed_data if field != "groups"}
        super().save_model(request, obj, form, change)
        after = {field: form.cleaned_data[field] for field in before}
        after["groups"] = sorted(group.name for group in form.cleaned_data.get("groups", []))
        if not obj.is_active:
            sanctions.send_away_in_tx(reason="logged_out", user=obj.public_id)
        audit.record_in_tx(actor=acting(request), action="user.change_rights", subject=f"user:{obj.public_id}", before=before, after=after)

    @display(description=_("phone number"))
    def masked_phone(self, user: User) -> str:
        return mask(user.phone)

    @display(description=_("devices"))
    def devices(self, user: User) -> str:
        seen = identity.devices_of(user)
        return format_html_join(" · ", "<code>{}</code> {}", [(code, date_format(localtime(at), "Y-m-d H:i")) for code, at in seen]) or "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found: QuerySet[User] = super().get_queryset(request).prefetch_related("shops")
        return found

    @display(description=_("roles"), label={"operator": "info", "anchor": "warning", "merchant": "primary", "viewer": "success"})
    def roles(self, user: User) -> tuple[str, Any]:
        if user.is_staff:
            return "operator", _("operator")
        if user.is_anchor:
            return "anchor", _("anchor")
        return ("merchant", _("merchant")) if user.shops.all() else ("viewer", _("viewer"))


class DeedFilter(admin.SimpleListFilter):
    """The actions by their words."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(deeds.WORDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditAdmin(Desk):
    """Read-only, as the database makes sure."""

    needs = frozenset({Power.BAN})
    list_display = ["at", "actor", "what", "whom", "reason"]
    list_filter = [DeedFilter, "at"]
    list_select_related = ["actor"]
    search_fields = ["subject", "reason", "actor__nickname"]
    ordering = ["-id"]
    date_hierarchy = "at"
    fields = ["at", "actor", "what", "whom", "reason", "before", "after"]
    readonly_fields = fields

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    @display(description=_("action"), ordering="action")
    def what(self, entry: AuditEntry) -> str:
        return deeds.words(entry)

    @display(description=_("subject"), ordering="subject")
    def whom(self, entry: AuditEntry) -> str:
        name, page = deeds.page_of(entry)
        return format_html('<a class="text-primary-600 dark:text-primary-500 underline" href="{}">{}</a>', page, name) if page else name


class ScopeForm(forms.ModelForm):
    """The powers of a group as ticks."""

    powers = forms.MultipleChoiceField(
        label=_("powers"),
        required=False,
        choices=[(power.value, POWER_NAMES[power]) for power in sorted(access.OPERATOR_POWERS)],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = OperatorScope
        fields = ["powers"]


class ScopeInline(StackedInline):
    model = OperatorScope
    form = ScopeForm
    can_delete = False


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Operator groups: only a superuser changes them."""

    inlines = [ScopeInline]
    fields = ["name"]
    list_display = ["name", "powers"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        found: QuerySet[Group] = super().get_queryset(request).select_related("operator_scope")
        return found

    @display(description=_("powers"))
    def powers(self, group: Group) -> str:
        scope: OperatorScope | None = getattr(group, "operator_scope", None)
        return "、".join(str(POWER_NAMES.get(Power(power), power)) for power in scope.powers) if scope and scope.powers else "–"
