"""Registers the site's own system checks."""

from django.apps import AppConfig


class LiveshopConfig(AppConfig):
    name = "liveshop"

    def ready(self) -> None:
        from liveshop import checks  # noqa: F401 - importing registers them
