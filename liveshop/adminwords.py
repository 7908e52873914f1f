"""The admin site's words for our tables, columns and their explanations, without a line in each model.

Django names a column after its field ("sales fen"); here those names become translatable, in the context "admin", once at
start. Names that a model translates itself are left alone. Nothing of this reaches a migration.
"""

from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

CONTEXT = "admin"
NAMED = ["ledger", "accounts", "catalog", "rooms", "campaigns", "orders", "alliance", "procrastinate"]
# A column is narrow: "placed at" is "placed". (The units "granted" of a lease are another word.)
SHORT = {"public id": "number", "granted at": "granted at", "paid at": "paid on"}

_named: set[str] = set()


def name_everything() -> None:
    """Make the names of our apps, models and fields translatable, and those of the job queue."""
    for label in NAMED:
        config = apps.get_app_config(label)
        config.verbose_name = _translatable(config.verbose_name)
        for model in config.get_models():
            meta = model._meta
            if not isinstance(meta.verbose_name, Promise):
                meta.verbose_name_plural = _translatable(_plural(str(meta.verbose_name), str(meta.verbose_name_plural)))
            meta.verbose_name = _translatable(meta.verbose_name)
            for field in meta.local_fields:
                field.verbose_name = _translatable(field.verbose_name)
                if field.help_text and not isinstance(field.help_text, Promise):
                    _named.add(field.help_text)
                    field.help_text = pgettext_lazy(CONTEXT, field.help_text)


def words() -> frozenset[str]:
    """Every text named here, in English: what the translation must cover."""
    return frozenset(_named)


def _plural(name: str, given: str) -> str:
    """The plural as English spells it; Django's own is lazy and only adds an s."""
    if given != f"{name}s":
        return given
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith("s") else given


def _translatable(name: Any) -> Any:
    """A plain name in the context "admin"; a name that is translated already stays."""
    if isinstance(name, Promise):
        return name
    word = SHORT.get(str(name)) or str(name).removesuffix(" at")
    _named.add(word)
    return pgettext_lazy(CONTEXT, word)
