"""How a login code reaches a phone. `settings.CODE_SENDER` names the class; docs/login.md shows how to plug an SMS provider in.

A sender of your own is one class anywhere on the Python path:

    class MySms(CodeSender):
        def send(self, request, phone, code):
            requests.post("https://sms.example/send", json={"to": phone, "text": f"{code}"}, timeout=5).raise_for_status()
"""

from abc import ABC, abstractmethod
from functools import cache

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.module_loading import import_string

from accounts.phones import mask

SCREEN_KEY = "code_on_screen"
log = structlog.get_logger(__name__)


class CodeSender(ABC):
    """Carries one code to one phone. Raise anything to let the person see "try again in a few seconds"."""

    @abstractmethod
    def send(self, request: HttpRequest, phone: str, code: str) -> None:
        """Deliver `code` to `phone` (E.164)."""


class ScreenSender(CodeSender):
    """Shows the code on the page, marked as a demonstration. For demo and development sites only."""

    def send(self, request: HttpRequest, phone: str, code: str) -> None:
        if settings.PRODUCTION and not settings.DEMO:
            raise ImproperlyConfigured("ScreenSender shows login codes to anyone: set CODE_SENDER")
        request.session[SCREEN_KEY] = code


class LogSender(CodeSender):
    """Writes the code to the log: for a closed test site without an SMS contract."""

    def send(self, request: HttpRequest, phone: str, code: str) -> None:
        log.info("login code", phone=mask(phone), code=code)


@cache
def sender() -> CodeSender:
    """The site's sender. Raises ImproperlyConfigured when CODE_SENDER names none."""
    found = import_string(settings.CODE_SENDER)
    if not issubclass(found, CodeSender):
        raise ImproperlyConfigured(f"{settings.CODE_SENDER} is not a CodeSender")
    return found()  # type: ignore[no-any-return]
