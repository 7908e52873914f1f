"""Forms of the studio's home: a room and a planned show."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from liveshop.refusals import Code, Refused

slug_rule = RegexValidator(r"^[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]$", _("3 to 40 small letters, digits or hyphens"))


class RoomForm(forms.Form):
    title = forms.CharField(max_length=60, label=_("Room name"))
    slug = forms.CharField(max_length=40, label=_("Address"), validators=[slug_rule])


class PlanForm(forms.Form):
    title = forms.CharField(max_length=60, label=_("Title"))
    planned_at = forms.DateTimeField(label=_("Starts at"), input_formats=["%Y-%m-%dT%H:%M"])


def fields(form: forms.Form) -> dict[str, Any]:
    """The checked values. Raises Refused(INVALID) naming the first wrong field."""
    if form.is_valid():
        return form.cleaned_data
    name, errors = next(iter(form.errors.items()))
    raise Refused(Code.INVALID, why=f"{form.fields[name].label}: {errors[0]}")
