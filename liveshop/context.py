"""What every template may know of the site."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from liveshop.clock import server_ms


def site(request: HttpRequest) -> dict[str, Any]:
    """`is_demo` marks a demo site on every page; `server_ms` sets the page's clock."""
    return {"is_demo": settings.DEMO, "server_ms": server_ms()}
