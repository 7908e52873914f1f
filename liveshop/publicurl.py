"""Addresses for other people's devices: what a QR code or a shared link says."""

import socket

from django.conf import settings
from django.http import HttpRequest

OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - a comparison


def public_url(request: HttpRequest, path: str) -> str:
    """`path` as another device reaches it: on SITE_URL, else as this browser does; "localhost" becomes this machine's address in its network."""
    if settings.SITE_URL:
        return f"{settings.SITE_URL.rstrip('/')}{path}"
    name, colon, port = request.get_host().partition(":") if "[" not in request.get_host() else request.get_host().rpartition(":")
    if name in OWN_NAMES and settings.BIND in EVERYWHERE and (address := lan_address()):
        return f"{request.scheme}://{address}{colon}{port}{path}"
    return request.build_absolute_uri(path)


def lan_address() -> str:
    """This machine's address in its network, or nothing; asking the routing table sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 9))
            address = str(probe.getsockname()[0])
        except OSError:
            return ""
    return "" if address.startswith("127.") else address
