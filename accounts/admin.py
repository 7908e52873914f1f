"""The operators' desk for people: who is who, sanctions, the audit log, and what each operator group may do."""

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import access, audit, sanctions
from accounts.access import Power, operator_powers
from accounts.models import AuditEntry, OperatorScope, Sanction, SanctionKind, User
from accounts.phones import mask
from liveshop.clock import now

admin.site.unregister(Group)
admin.site.unregister(EmailAddress)  # people are known by phone

POWER_NAMES = {
    Power.MUTE: _("mute"),
    Power.BAN: _("ban"),
    Power.DELETE_CHAT: _("delete chat lines"),
    Power.FREEZE_DEAL: _("freeze deals"),
    Power.CUT_SHOW: _("cut shows"),
    Power.SEE_EARNINGS: _("see earnings"),
}


class Desk(ModelAdmin):
    """Open to operators by the powers of their group; nothing can be deleted."""

    needs: frozenset[Power] = frozenset({Power.MUTE, Power.BAN})

    def _is_mine(self, request: HttpRequest) -> bool:
        return bool(self.needs & operator_powers(request.user))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_mine(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
        "is_anchor",
        "is_staff",
        "groups",
        "is_active",
        "date_joined",
        "first_paid_at",
    ]
    readonly_fields = ["public_id", "nickname", "masked_phone", "bio", "date_joined", "first_paid_at"]
    filter_horizontal = ["groups"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Saves with its audit row; the admin's own transaction holds both."""
        before = {field: form.initial.get(field) for field in form.changed_data if field != "groups"}
        super().save_model(request, obj, form, change)
        after = {field: form.cleaned_data[field] for field in before}
        after["groups"] = sorted(group.name for group in form.cleaned_data.get("groups", []))
        audit.record_in_tx(actor=acting(request), action="user.change_rights", subject=f"user:{obj.public_id}", before=before, after=after)

    @display(description=_("phone number"))
    def masked_phone(self, user: User) -> str:
        return mask(user.phone)

    @display(description=_("roles"), label={"operator": "info", "anchor": "warning", "viewer": "success"})
    def roles(self, user: User) -> tuple[str, Any]:
        if user.is_staff:
            return "operator", _("operator")
        return ("anchor", _("anchor")) if user.is_anchor else ("viewer", _("viewer"))


class SanctionForm(forms.ModelForm):
    """A new sanction, or the reason to lift one."""

    lift_reason = forms.CharField(
        label=_("Lift now, because"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Fill in to end it before its time"),
    )

    proof = forms.CharField(
        label=_("evidence"), max_length=500, widget=UnfoldAdminTextInputWidget, help_text=_("The line said, the order number, a link")
    )

    class Meta:
        model = Sanction
        fields = ["user", "kind", "rule", "expires_at"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields.pop("proof" if self.instance.pk else "lift_reason", None)


@admin.register(Sanction)
class SanctionAdmin(Desk):
    """Impose with a rule, lift with a reason; a row is never changed otherwise."""

    form = SanctionForm
    list_display = ["public_id", "who", "kind_label", "place", "rule", "actor", "starts_at", "expires_at", "state"]
    list_filter = ["kind"]
    list_select_related = ["user", "actor"]
    search_fields = ["public_id", "user__nickname", "user__public_id", "rule"]
    autocomplete_fields = ["user"]
    ordering = ["-id"]
    new_fields = ["user", "kind", "rule", "proof", "expires_at"]
    fixed_fields = [
        "public_id",
        "user",
        "kind",
        "place",
        "rule",
        "proof_given",
        "expires_at",
        "actor",
        "starts_at",
        "lifted_at",
        "lifted_by",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._is_mine(request)

    def has_change_permission(self, request: HttpRequest, obj: Sanction | None = None) -> bool:
        return self._is_mine(request) and (obj is None or obj.lifted_at is None)

    def get_fields(self, request: HttpRequest, obj: Sanction | None = None) -> list[str]:
        if obj is None:
            return self.new_fields
        return self.fixed_fields if obj.lifted_at else [*self.fixed_fields, "lift_reason"]

    def get_readonly_fields(self, request: HttpRequest, obj: Sanction | None = None) -> list[str]:
        return [] if obj is None else self.fixed_fields

    def save_model(self, request: HttpRequest, obj: Sanction, form: Any, change: bool) -> None:
        """Never a plain save: impose or lift, with their rights, audit row and kill."""
        actor = acting(request)
        access.require(actor, Power.BAN if obj.kind == SanctionKind.BAN else Power.MUTE)
        if change:
            if form.cleaned_data["lift_reason"]:
                sanctions.lift(sanction=obj, actor=actor, reason=form.cleaned_data["lift_reason"])
            return
        imposed = sanctions.impose(
            actor=actor,
            kind=obj.kind,
            scope=obj.scope,
            rule=obj.rule,
            user=obj.user,
            evidence={"proof": form.cleaned_data["proof"]},
            expires_at=obj.expires_at,
        )
        obj.pk, obj.public_id = imposed.pk, imposed.public_id

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The audit log has it already."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The audit log has it already."""

    @display(description=_("where"))
    def place(self, sanction: Sanction) -> str:
        return str(_("whole site")) if sanction.scope == "platform" else sanction.scope.removeprefix("room:")

    @display(description=_("evidence"))
    def proof_given(self, sanction: Sanction) -> str:
        return "; ".join(f"{value}" for value in sanction.evidence.values()) or "–"

    @display(description=_("user"))
    def who(self, sanction: Sanction) -> str:
        return sanction.user.nickname if sanction.user else "–"

    @display(description=_("kind"), label={"ban": "danger", "mute": "warning"})
    def kind_label(self, sanction: Sanction) -> tuple[str, str]:
        return sanction.kind, sanction.get_kind_display()

    @display(description=_("in force"), boolean=True)
    def state(self, sanction: Sanction) -> bool:
        return sanction.lifted_at is None and (sanction.expires_at is None or sanction.expires_at > now())


@admin.register(AuditEntry)
class AuditAdmin(Desk):
    """Read-only, as the database makes sure."""

    needs = frozenset({Power.BAN})
    list_display = ["at", "actor", "action", "subject", "reason"]
    list_filter = ["action", "at"]
    list_select_related = ["actor"]
    search_fields = ["subject", "reason", "actor__nickname"]
    ordering = ["-id"]
    date_hierarchy = "at"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}


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


def acting(request: HttpRequest) -> User:
    """The operator at the desk; the admin lets nobody else in."""
    return User.objects.get(username=request.user.get_username())
