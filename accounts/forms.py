"""Forms of people's own pages. allauth's sign-up form inherits `NicknameForm`."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts import nicknames, people, phones
from accounts.models import Address, User
from accounts.pictures import AVATARS
from liveshop.refusals import Refused


def nickname_error(typed: str, user: User | None = None, phone: str = "") -> str | None:
    """Why this nickname cannot be had by this user, or by who signs up with this phone; or None."""
    try:
        checked = nicknames.check(typed)
    except Refused as refused:
        return str(refused.facts["why"])
    return _now("This nickname is taken") if people.is_taken(checked, user, phone) else None


class NicknameForm(forms.Form):
    """What sign-up asks beside phone and password."""

    nickname = forms.CharField(
        label=_("Nickname"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "nickname", "placeholder": _("What others see in the room"), "maxlength": 24}),
    )

    def clean(self) -> dict[str, Any]:
        """The nickname last: it depends on the phone."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        error = nickname_error(cleaned["nickname"], phone=cleaned.get("phone", "")) if cleaned.get("nickname") else None
        if error:
            self.add_error("nickname", error)
        return cleaned

    def signup(self, request: HttpRequest, user: User) -> None:
        """allauth's hook after saving; everything is done in the adapter."""


class ProfileForm(forms.Form):
    """Nickname, line about oneself and picture, chosen or uploaded."""

    nickname = forms.CharField(
        label=_("Nickname"), max_length=60, widget=forms.TextInput(attrs={"maxlength": 24, "autocomplete": "nickname"})
    )
    bio = forms.CharField(
        label=_("About me"), max_length=140, required=False, widget=forms.TextInput(attrs={"placeholder": _("One line others see")})
    )
    avatar = forms.ChoiceField(label=_("Picture"), required=False, choices=[(path, path) for path in AVATARS])
    upload = forms.FileField(label=_("Or your own photo"), required=False, widget=forms.FileInput(attrs={"accept": "image/*"}))

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        self.user = user
        super().__init__(*args, **options)

    def clean_nickname(self) -> str:
        typed: str = self.cleaned_data["nickname"]
        error = nickname_error(typed, self.user)
        if error:
            raise forms.ValidationError(error)
        return typed


class AddressForm(forms.ModelForm):
    """A receiving address in the Chinese form. The three region fields are plain inputs that a script turns into pickers."""

    class Meta:
        model = Address
        fields = ["name", "phone", "province", "city", "district", "detail", "is_default"]
        labels = {
            "name": _("Receiver"),
            "phone": _("Phone number"),
            "province": _("Province"),
            "city": _("City"),
            "district": _("District"),
            "detail": _("Street, building, room"),
            "is_default": _("Use as my default address"),
        }
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "phone": forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"}),
            "province": forms.TextInput(attrs={"autocomplete": "address-level1"}),
            "city": forms.TextInput(attrs={"autocomplete": "address-level2"}),
            "district": forms.TextInput(attrs={"autocomplete": "address-level3"}),
            "detail": forms.TextInput(attrs={"autocomplete": "street-address"}),
        }

    def clean_phone(self) -> str:
        try:
            return phones.to_e164(self.cleaned_data["phone"])
        except ValueError as wrong:
            raise forms.ValidationError(_("This is not a phone number we can reach")) from wrong
