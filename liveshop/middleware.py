"""Turns a `Refused` that left a view into a page, a fragment or JSON."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from liveshop.refusals import Refused, as_json, explain


class RefusalMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A refusal is an answer, not an error; anything else goes on to Django."""
        if not isinstance(exception, Refused):
            return None
        return answer(request, exception)


def answer(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The refusal as JSON, as an htmx fragment or as a page."""
    told = explain(refused)
    if request.headers.get("accept", "").startswith("application/json"):
        return JsonResponse(as_json(refused), status=told.status)
    template = "_refusal.html" if request.headers.get("hx-request") else "refusal.html"
    return render(request, template, {"told": told, "facts": refused.facts}, status=told.status)
