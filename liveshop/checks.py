"""System checks of the site's own promises, run by `manage.py check --deploy` and so by `bin/check`."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from liveshop import wiring


@register("wiring", deploy=True)
def wired_paths_resolve(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Each dotted path in `liveshop.wiring` and in the settings leads to something that can be called."""
    return [Error(f"{place}: {path}: {why}", id="liveshop.E001") for place, path, why in broken_paths()]


def broken_paths() -> Iterator[tuple[str, str, str]]:
    """Place, path and reason of each path that leads nowhere."""
    for place, path in all_paths():
        try:
            target = wiring.load(path) if ":" in path else import_string(path)
        except (ImportError, AttributeError) as problem:
            yield place, path, str(problem)
            continue
        if not callable(target):
            yield place, path, "cannot be called"


def all_paths() -> Iterator[tuple[str, str]]:
    """Every dotted path: those written in `liveshop.wiring`, and those the settings name."""
    for name, value in vars(wiring).items():
        if name.isupper():
            for path in _strings(value):
                yield f"wiring.{name}", path
    yield "CODE_SENDER", settings.CODE_SENDER
    for path in settings.PAYMENT_PROVIDERS:
        yield "PAYMENT_PROVIDERS", path


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
