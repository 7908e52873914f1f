from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People and rights")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        user_logged_out.connect(_end_presence)


def _end_presence(request: Any, user: Any, **_signal: Any) -> None:
    """Every way out, allauth's and the admin's, ends her open rooms on this device."""
    from accounts import people

    device: str = getattr(request, "device", "")
    if user is not None and device:
        people.log_out(user=user, device=device)
