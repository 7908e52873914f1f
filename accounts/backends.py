"""Who may sign in: Django's rule and allauth's, and never the demo's people on a site in production, whose password is in the README."""

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.backends import ModelBackend

from accounts.models import User


class PasswordBackend(ModelBackend):
    """By login name, as accounts made on the command line have it. Asked again for each session that comes back."""

    def user_can_authenticate(self, user: User) -> bool:  # type: ignore[override]
        return super().user_can_authenticate(user) and not (settings.PRODUCTION and user.is_demo)


class AccountBackend(PasswordBackend, AuthenticationBackend):
    """By phone, as allauth does it."""
