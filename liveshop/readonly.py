"""Admin pages to look at and not to touch: what changes rows are the actions, never a form."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import lazy
from unfold.admin import ModelAdmin

from liveshop.money import format_fen

FEN = "_fen"


class ReadOnly:
    """No adding, no changing, no deleting, no bulk actions; for admins and inlines."""

    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    """Rows can be listed, searched and read; money is listed in yuan."""

    list_per_page = 50

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [money(self.model, name) if str(name).endswith(FEN) else name for name in super().get_list_display(request)]


def money(model: type[Model], field: str) -> Callable[[Model], str]:
    """A column that shows an amount of fen as money, named and sorted as the field is."""

    def name() -> str:
        return str(getattr(model._meta.get_field(field), "verbose_name", field)).removesuffix("（分）").removesuffix(" fen")

    @admin.display(description=lazy(name, str)(), ordering=field)
    def shown(row: Model) -> str:
        amount = getattr(row, field)
        return "" if amount is None else format_fen(amount)

    return shown
