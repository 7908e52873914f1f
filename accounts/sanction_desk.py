"""Mutes and bans in the admin site: of a person, a phone number or a device, each with its rule and evidence."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import access, identity, phones, sanctions
from accounts.access import Power
from accounts.desk import Desk, acting
from accounts.models import Sanction, SanctionKind, User
from liveshop.clock import now


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

    phone = forms.CharField(
        label=_("Phone number"),
        required=False,
        max_length=24,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Also without an account: whoever comes with this number"),
    )

    device = forms.CharField(
        label=_("device"),
        required=False,
        max_length=identity.CODE_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The code that the page of a user names; a ban of a user has her phone and last device in it already"),
    )

    class Meta:
        model = Sanction
        fields = ["user", "kind", "rule", "expires_at"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("proof", "phone", "device") if self.instance.pk else ("lift_reason",):
            self.fields.pop(name, None)

    def clean_phone(self) -> str:
        typed: str = self.cleaned_data["phone"]
        try:
            return phones.to_e164(typed) if typed else ""
        except ValueError as error:
            raise forms.ValidationError(_("This is not a phone number we can reach")) from error

    def clean_device(self) -> bytes | None:
        code: str = self.cleaned_data["device"].strip().lower()
        found = identity.device_of(code) if code else None
        if code and found is None:
            raise forms.ValidationError(_("No device with this code was seen"))
        return found

    def clean(self) -> dict[str, Any] | None:
        """A phone whose owner is known binds to her as well. Without any target there is nothing to sanction."""
        given = super().clean()
        if self.instance.pk or given is None:
            return given
        if given.get("phone") and not given.get("user"):
            given["user"] = self.instance.user = User.objects.filter(phone=given["phone"]).first()
        if not self.errors and not any(given.get(target) for target in ("user", "phone", "device")):
            raise forms.ValidationError(_("Name a person, a phone or a device"))
        return given


class SanctionAdmin(Desk):
    """Impose with a rule, lift with a reason; a row is never changed otherwise."""

    form = SanctionForm
    list_display = ["public_id", "who", "kind_label", "place", "rule", "actor", "starts_at", "expires_at", "state"]
    list_filter = ["kind"]
    list_select_related = ["user", "actor"]
    search_fields = ["public_id", "user__nickname", "user__public_id", "rule"]
    autocomplete_fields = ["user"]
    ordering = ["-id"]
    new_fields = ["user", "phone", "device", "kind", "rule", "proof", "expires_at"]
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
        phone, device = form.cleaned_data["phone"], form.cleaned_data["device"]
        imposed = sanctions.impose(
            actor=actor,
            kind=obj.kind,
            scope=obj.scope,
            rule=obj.rule,
            user=obj.user,
            phone=phone,
            device_digest=device,
            evidence={"proof": form.cleaned_data["proof"], **({"phone": phones.mask(phone)} if phone else {})},
            expires_at=obj.expires_at,
        )
        if phone and obj.user:
            messages.info(request, _("This number is that of %(name)s.") % {"name": obj.user.nickname})
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
        if sanction.user:
            return sanction.user.nickname
        device = identity.code_of(sanction.device_digest) if sanction.device_digest else ""
        return str(sanction.evidence.get("phone", "")) or device or "–"

    @display(description=_("kind"), label={"ban": "danger", "mute": "warning"})
    def kind_label(self, sanction: Sanction) -> tuple[str, str]:
        return sanction.kind, sanction.get_kind_display()

    @display(description=_("in force"), boolean=True)
    def state(self, sanction: Sanction) -> bool:
        return sanction.lifted_at is None and (sanction.expires_at is None or sanction.expires_at > now())
