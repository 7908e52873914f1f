"""What every page of the operators' desk for people has in common."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin

from accounts.access import Power, operator_powers
from accounts.models import User


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


def acting(request: HttpRequest) -> User:
    """The operator at the desk; the admin lets nobody else in."""
    return User.objects.get(username=request.user.get_username())
