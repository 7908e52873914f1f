"""Turns a `Refused` that left a view into a page, a fragment or JSON."""

from collections.abc import Callable

from django.db import DataError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from liveshop.refusals import Code, Refused, as_json, explain


class RefusalMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A refusal is an answer, not an error; anything else goes on to Django."""
        if isinstance(exception, DataError) and "NUL" in str(exception):
            exception = Refused(Code.INVALID)  # no text has such a byte: somebody tries what breaks
        return answer(request, exception) if isinstance(exception, Refused) else None


def answer(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The refusal as JSON, as an htmx fragment or as a page."""
    told = explain(refused)
    if request.headers.get("accept", "").startswith("application/json"):
        return JsonResponse(as_json(refused), status=told.status)
    template = "_refusal.html" if request.headers.get("hx-request") else "refusal.html"
    return render(request, template, {"told": told, "facts": refused.facts}, status=told.status)
