"""Gives every browser a signed device id, and stops what a banned person tries to do."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts import sanctions
from accounts.access import Rank, rank, sanction_facts
from accounts.models import SanctionKind
from liveshop.ids import public_id
from liveshop.middleware import answer
from liveshop.refusals import Code, Refused

COOKIE = "device"
YEAR_S = 31_536_000
# What stays open to a banned person: getting in and out, her own data and what she already bought.
STILL_OPEN = frozenset(
    {
        *("account_login", "account_logout", "account_request_login_code", "account_confirm_login_code", "login_sheet", "set_language"),
        *("me_privacy", "log_out_everywhere", "order", "pay", "simulator", "pay_notify", "operator_login", "admin:logout"),
    }
)


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


class BanMiddleware:
    """A platform ban refuses everything that changes something; looking, and one's own orders, stay."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Refuse before the view runs; one query for each changing request."""
        matched = request.resolver_match
        if request.method in {"GET", "HEAD", "OPTIONS"} or (matched and matched.view_name in STILL_OPEN):
            return None
        user = request.user if request.user.is_authenticated else None
        # A shared device does not stop an operator at work.
        device = "" if rank(request.user) >= Rank.OPERATOR else getattr(request, "device", "")
        ban = sanctions.active(kind=SanctionKind.BAN, scope=sanctions.PLATFORM, user=user, device=device)
        return answer(request, Refused(Code.BANNED, **sanction_facts(ban))) if ban else None
