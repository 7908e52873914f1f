"""Gives every browser a signed device id: `request.device`."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from liveshop.ids import public_id

COOKIE = "device"
YEAR_S = 31_536_000


class DeviceMiddleware:
    """Reads or sets the signed first-party device cookie; a forged one is replaced."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        known = request.get_signed_cookie(COOKIE, default=None, salt="device")
        device = known or public_id()
        request.device = device  # type: ignore[attr-defined]
        response = self.get_response(request)
        if known is None:
            response.set_signed_cookie(
                COOKIE, device, salt="device", max_age=2 * YEAR_S, httponly=True, samesite="Lax", secure=request.is_secure()
            )
        return response
