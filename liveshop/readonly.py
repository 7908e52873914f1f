"""Admin pages to look at and not to touch: what changes rows are the actions, never a form."""

from collections.abc import Callable
from functools import cache
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

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Every field as it is, but money in yuan."""
        return [in_yuan(self.model, name) for name in super().get_fields(request, obj) if isinstance(name, str)]  # type: ignore[misc, attr-defined]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        named = [in_yuan(self.model, name) for name in getattr(self, "fields", None) or []]  # type: ignore[attr-defined]
        amounts = [in_yuan(self.model, field.name) for field in self.model._meta.fields if field.name.endswith(FEN)]  # type: ignore[attr-defined]
        return [*dict.fromkeys([*super().get_readonly_fields(request, obj), *named, *amounts])]  # type: ignore[misc]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    """Rows can be listed, searched and read; money is shown in yuan."""

    list_per_page = 50

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [in_yuan(self.model, name) for name in super().get_list_display(request)]


def in_yuan(model: type[Model], name: Any) -> Any:
    """The column that stands for a field of fen; anything else as it is."""
    return money(model, name) if str(name).endswith(FEN) else name


@cache
def money(model: type[Model], field: str) -> Callable[[Model], str]:
    """A column that shows an amount of fen as money, named and sorted as the field is."""

    def name() -> str:
        return str(getattr(model._meta.get_field(field), "verbose_name", field)).removesuffix("（分）").removesuffix(" fen")

    @admin.display(description=lazy(name, str)(), ordering=field)
    def shown(row: Model) -> str:
        amount = getattr(row, field)
        return "" if amount is None else format_fen(amount)

    return shown
