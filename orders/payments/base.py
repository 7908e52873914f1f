"""What every payment provider can do, and the registry of this site's providers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from django.conf import settings
from django.utils.functional import Promise

from liveshop.refusals import Code, Refused
from orders.models import Payment, Refund


class Status(StrEnum):
    """What the service says of one attempt to pay."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Report:
    """One thing a service told us, by notification or in answer to a query; its origin was verified.

    `payment_ref` is our own number of the attempt, `provider_ref` the service's number of the money taken, `payer`
    the service's opaque name of the paying account, `at` the moment by the service's clock.
    """

    event_id: str
    payment_ref: str
    status: Status
    amount_fen: int
    at: datetime
    provider_ref: str = ""
    payer: str = ""
    why: str = ""
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer that makes a service stop notifying."""

    body: str
    content_type: str = "text/plain"


class Untrusted(Exception):
    """A notification whose signature, age or merchant number is wrong. Nothing in it may be believed."""


class Unreachable(Exception):
    """The service did not answer; what it holds is unknown and must be asked again."""


class Provider(Protocol):
    """One payment service. Each call is safe to repeat; none is made inside a database transaction that holds locks."""

    name: str
    title: str | Promise
    acknowledgement: Acknowledgement

    def start(self, payment: Payment, *, subject: str, return_url: str, notify_url: str, expires_at: datetime) -> str:
        """Open the attempt at the service; returns the address where the buyer pays."""

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Report:
        """Verify signature, age and merchant number, then read. Raises Untrusted."""

    def query(self, payment: Payment) -> Report:
        """What the service holds of this attempt now. Raises Unreachable."""

    def close(self, payment: Payment) -> Report:
        """Ask the service to take no money for this attempt any more; SUCCEEDED when it already did. Raises Unreachable."""

    def refund(self, refund: Refund) -> bool:
        """Give the money of `refund.payment` back; True when it is done. Raises Unreachable."""


@cache
def providers() -> dict[str, Provider]:
    """The site's providers by name, in the order of the settings."""
    found: dict[str, Provider] = {}
    for path in settings.PAYMENT_PROVIDERS:
        module, _, attribute = path.partition(":")
        provider: Provider = getattr(import_module(module), attribute)()
        found[provider.name] = provider
    return found


def provider_of(payment: Payment) -> Provider:
    """The provider that holds this attempt. Raises Unreachable for one that this site does not have any more."""
    found = providers().get(payment.provider)
    if found is None:
        raise Unreachable(f"no provider {payment.provider} here")
    return found


def provider_named(name: str) -> Provider:
    """Raises Refused(NOT_FOUND) for a provider this site does not have."""
    try:
        return providers()[name]
    except KeyError:
        raise Refused(Code.NOT_FOUND) from None
