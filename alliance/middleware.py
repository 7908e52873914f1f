"""Reads the signed click cookie into `request.referral`, an opaque text for `orders`."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

COOKIE = "referral"


class ReferralMiddleware:
    """`request.referral` is the public ids of the visitor's clicks, newest first, joined by commas; empty if none or forged."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.referral = request.get_signed_cookie(COOKIE, default="", salt="referral")  # type: ignore[attr-defined]
        return self.get_response(request)
