"""liveshop's answers to django-allauth: people are known by a verified phone and shown by a nickname."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.fields import PhoneField
from allauth.core import context
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from accounts import audit, people, phones
from accounts.models import User
from accounts.senders import SCREEN_KEY, sender


class ChinesePhoneField(PhoneField):
    """A phone number; without a country code it is a mainland mobile."""

    def __init__(self, **options: Any) -> None:
        options["label"] = _("Phone number")
        widget = forms.TextInput(
            attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel", "placeholder": _("11-digit mobile number")}
        )
        super().__init__(**{"validators": [], "widget": widget} | options)

    def clean(self, value: str | None) -> str:
        typed: str = forms.CharField.clean(self, value)
        try:
            return phones.to_e164(typed) if typed else ""
        except ValueError as wrong:
            raise ValidationError(_("This is not a phone number we can reach"), code="invalid_phone") from wrong


class AccountAdapter(DefaultAccountAdapter):
    """Keeps phones in E.164, sends codes through `accounts.senders`, and names people when they sign up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "phone_taken": _("This phone number is already registered: sign in with a code"),
        "unknown_phone": _("This phone number is not registered yet"),
        "phone_password_mismatch": _("Phone number or password is wrong"),
        "username_password_mismatch": _("Phone number or password is wrong"),
        "incorrect_code": _("This code is wrong"),
        "too_many_login_attempts": _("Too many tries. Please wait a moment"),
        "rate_limited": _("Too many tries. Please wait a moment"),
    }

    def phone_form_field(self, **options: Any) -> ChinesePhoneField:
        return ChinesePhoneField(**options)

    def get_phone(self, user: User) -> tuple[str, bool] | None:
        """An account made on the command line has no phone, so there is nothing to verify before it signs in."""
        return (user.phone, user.phone_verified) if user.phone else ("", True)

    def get_user_by_phone(self, phone: str) -> User | None:
        """Only a verified phone is somebody's: else anyone could sit on a stranger's number."""
        try:
            return User.objects.filter(phone=phones.to_e164(phone), phone_verified=True).first()
        except ValueError:
            return None

    def set_password(self, user: User, password: str) -> None:
        people.set_password(user=user, password=password)

    def set_phone(self, user: User, phone: str, verified: bool) -> None:
        people.take_phone(user=user, phone=phone, verified=verified)

    def set_phone_verified(self, user: User, phone: str) -> None:
        people.take_phone(user=user, phone=phone, verified=True)

    def send_verification_code_sms(self, user: User, phone: str, code: str, **_unused: Any) -> None:
        sender().send(context.request, phone, code)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """The new person of a valid sign-up form, with her nickname, in one transaction."""
        phone = form.cleaned_data.get("phone", "")
        people.name(user, form.cleaned_data["nickname"], phone)
        user.username = people.new_username()
        with transaction.atomic():
            people.make_way_in_tx(nickname=user.nickname, phone=phone)
            saved: User = super().save_user(request, user, form, commit)
            audit.record_in_tx(actor=None, action="user.sign_up", subject=f"user:{saved.public_id}", after={"nickname": saved.nickname})
        return saved

    def populate_username(self, request: HttpRequest, user: User) -> None:
        """allauth empties the name it did not ask for; give it back."""
        user.username = user.username or people.new_username()

    def post_login(self, request: HttpRequest, user: User, **facts: Any) -> HttpResponse:
        """Remember the device; out of a sheet, let the whole page load again as the person now signed in."""
        request.session.pop(SCREEN_KEY, None)
        people.note_seen(user, getattr(request, "device", ""))
        response: HttpResponse = super().post_login(request, user, **facts)
        return HttpResponseClientRedirect(response["Location"]) if getattr(request, "htmx", False) else response
