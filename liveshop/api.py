"""The API's translator of refusals."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from liveshop.refusals import Refused, as_json, explain


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """`Refused` → its JSON and status; all else as Django REST framework does."""
    if isinstance(exc, Refused):
        return Response(as_json(exc), status=explain(exc).status)
    return default_handler(exc, context)
