"""What stands around every view: a request id, the count of answers, and the translation of refusals and of a database that is gone."""

import re
import sys
import time
import uuid
from collections.abc import Callable

import structlog
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from liveshop import metrics
from liveshop.refusals import Code, Refused, as_json, explain

REQUEST_ID = "X-Request-ID"
RETRY_AFTER_S = 3
NAMED = {"slug": "room", "key": "claim"}  # what a view's arguments are called in the log
_GOOD_ID = re.compile(r"[A-Za-z0-9._:-]{6,64}")


class RequestMiddleware:
    """The outermost: every log line of a request carries its id, which the answer tells; every answer is counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(REQUEST_ID, "")
        request_id = given if _GOOD_ID.fullmatch(given) else uuid.uuid4().hex[:16]
        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(request=request_id):
            response = self.get_response(request)
        match = request.resolver_match
        page = (match.view_name or match.route) if match else "none"
        metrics.REQUESTS.labels(request.method if request.method in _METHODS else "other", page, response.status_code).inc()
        metrics.REQUEST_S.labels(page).observe(time.monotonic() - started)
        response.headers[REQUEST_ID] = request_id
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: dict[str, object]) -> None:
        """Name the room or claim that the address names."""
        structlog.contextvars.bind_contextvars(**{NAMED[name]: str(value) for name, value in kwargs.items() if name in NAMED})


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


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


def failed(request: HttpRequest) -> HttpResponse:
    """Django's last resort. A database that is gone is told as such; nothing here may ask it, or the session, again."""
    is_away = is_database_away(sys.exc_info()[1])
    status = 503 if is_away else 500
    refused = Refused(Code.UNAVAILABLE)
    if request.headers.get("accept", "").startswith("application/json"):
        response: HttpResponse = JsonResponse(as_json(refused), status=status)
    elif request.headers.get("hx-request"):
        response = HttpResponse(render_to_string("_refusal.html", {"told": explain(refused)}), status=status)
    else:
        response = HttpResponse(render_to_string("503.html" if is_away else "500.html"), status=status)
    if is_away:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def is_database_away(error: BaseException | None) -> bool:
    """Whether this error came from a database that is gone, starting, full or too slow: nobody's mistake, and over by itself."""
    while error is not None:
        if isinstance(error, OperationalError | InterfaceError):
            return True
        error = error.__cause__ or error.__context__
    return False
