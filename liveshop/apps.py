"""Registers the site's own system checks and names the admin's tables."""

from django.apps import AppConfig


class LiveshopConfig(AppConfig):
    name = "liveshop"

    def ready(self) -> None:
        from liveshop import adminwords, checks  # noqa: F401 - importing checks registers them

        adminwords.name_everything()
