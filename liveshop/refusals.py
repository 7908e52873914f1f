"""A "no" the user can understand: a code, the facts behind it, and one translator each for page, JSON and socket.

The codes are those of the mission's journeys. Each has one sentence, the reason with its facts, and one next step.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop


class Code(StrEnum):
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    NOT_NEWCOMER = "NOT_NEWCOMER"
    ALREADY_CLAIMED = "ALREADY_CLAIMED"
    SOLD_OUT = "SOLD_OUT"
    STILL_AVAILABLE = "STILL_AVAILABLE"
    NOT_STARTED = "NOT_STARTED"
    ENDED = "ENDED"
    FROZEN = "FROZEN"
    LIMIT_PER_USER = "LIMIT_PER_USER"
    FOLLOW_REQUIRED = "FOLLOW_REQUIRED"
    MUTED = "MUTED"
    BANNED = "BANNED"
    RISK_REVIEW = "RISK_REVIEW"
    RATE_LIMITED = "RATE_LIMITED"
    HOLD_EXPIRED = "HOLD_EXPIRED"
    PRICE_CHANGED = "PRICE_CHANGED"
    PAY_PENDING = "PAY_PENDING"
    PAY_FAILED = "PAY_FAILED"
    CLOSED_UNPAID = "CLOSED_UNPAID"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    FORBIDDEN = "FORBIDDEN"
    WORD_REFUSED = "WORD_REFUSED"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"


class Refused(Exception):
    """Raised by actions. `facts` are plain JSON values that the sentence and the why-no card may show."""

    def __init__(self, code: Code, **facts: Any) -> None:
        super().__init__(code.value)
        self.code = code
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person reads: all three are translated texts; `next_step` may be empty, `status` is the HTTP status."""

    code: str
    sentence: str
    reason: str
    next_step: str
    status: int


# (sentence, reason, next step, HTTP status); reasons are formatted with the facts, missing facts drop the reason.
_TEXTS: dict[Code, tuple[str, str, str, int]] = {
    Code.LOGIN_REQUIRED: (gettext_noop("Please sign in first"), "", gettext_noop("Sign in and come straight back"), 401),
    Code.NOT_NEWCOMER: (
        gettext_noop("This one is for newcomers"),
        gettext_noop("You paid for an order on %(date)s"),
        gettext_noop("Buy at the best regular price"),
        403,
    ),
    Code.ALREADY_CLAIMED: (gettext_noop("You already have one"), "", gettext_noop("Open your order"), 409),
    Code.SOLD_OUT: (
        gettext_noop("Just missed it"),
        gettext_noop("You were number %(place)s; the first %(total)s got one, %(late_s)s s too late"),
        gettext_noop("Join the waitlist"),
        409,
    ),
    Code.STILL_AVAILABLE: (
        gettext_noop("No need to wait: there are some left"),
        gettext_noop("Units left: %(left)s"),
        gettext_noop("Claim it"),
        409,
    ),
    Code.NOT_STARTED: (
        gettext_noop("Not open yet"),
        gettext_noop("%(early_s)s s too early, not counted"),
        gettext_noop("Wait for the countdown"),
        409,
    ),
    Code.ENDED: (gettext_noop("This has ended"), "", gettext_noop("See what is on the shelf"), 410),
    Code.FROZEN: (gettext_noop("This deal is paused"), gettext_noop("%(why)s"), gettext_noop("What you hold stays yours"), 409),
    Code.LIMIT_PER_USER: (
        gettext_noop("You have reached the limit"),
        gettext_noop("At most %(limit)s per person"),
        gettext_noop("See what is on the shelf"),
        409,
    ),
    Code.FOLLOW_REQUIRED: (gettext_noop("For followers only"), "", gettext_noop("Follow the anchor first"), 403),
    Code.MUTED: (
        gettext_noop("You are muted"),
        gettext_noop("Until %(until)s, by %(by)s: %(rule)s"),
        gettext_noop("You can still watch and buy"),
        403,
    ),
    Code.BANNED: (
        gettext_noop("You are banned here"),
        gettext_noop("%(rule)s, until %(until)s"),
        gettext_noop("Appeal; what you bought is not affected"),
        403,
    ),
    Code.RISK_REVIEW: (gettext_noop("This needs a manual check"), "", gettext_noop("Appeal"), 403),
    Code.RATE_LIMITED: (gettext_noop("Too fast"), gettext_noop("Please wait %(wait_s)s s"), gettext_noop("Try again"), 429),
    Code.HOLD_EXPIRED: (
        gettext_noop("The time to pay ran out"),
        gettext_noop("The unit went back on sale and your right with it"),
        gettext_noop("Claim again"),
        410,
    ),
    Code.PRICE_CHANGED: (
        gettext_noop("The price has changed"),
        gettext_noop("%(old)s is now %(new)s"),
        gettext_noop("Look again and confirm"),
        409,
    ),
    Code.PAY_PENDING: (gettext_noop("We are waiting for the payment"), "", gettext_noop("This page updates by itself"), 202),
    Code.PAY_FAILED: (gettext_noop("The payment did not go through"), gettext_noop("%(why)s"), gettext_noop("Pay again"), 402),
    Code.CLOSED_UNPAID: (
        gettext_noop("This order was closed unpaid"),
        gettext_noop("If you paid late, the money comes back by itself"),
        gettext_noop("Order again"),
        410,
    ),
    Code.VERSION_CONFLICT: (
        gettext_noop("Someone changed this meanwhile"),
        gettext_noop("Last change by %(by)s"),
        gettext_noop("Reload and try again"),
        409,
    ),
    Code.FORBIDDEN: (gettext_noop("You may not do this"), gettext_noop("%(why)s"), "", 403),
    Code.WORD_REFUSED: (gettext_noop("A word is not allowed"), gettext_noop("“%(word)s”"), gettext_noop("Say it in other words"), 422),
    Code.NOT_ELIGIBLE: (gettext_noop("You cannot use this here"), gettext_noop("%(why)s"), "", 403),
    Code.INVALID: (gettext_noop("Something is missing or wrong"), gettext_noop("%(why)s"), gettext_noop("Correct it and try again"), 422),
    Code.NOT_FOUND: (gettext_noop("We cannot find this"), "", gettext_noop("Back to the live rooms"), 404),
    Code.UNAVAILABLE: (gettext_noop("The shop is catching its breath"), "", gettext_noop("Try again in a few seconds"), 503),
}


def explain(refused: Refused) -> Explanation:
    """The one translator behind page, JSON and socket, in the active language."""
    sentence, reason, next_step, status = _TEXTS[refused.code]
    return Explanation(
        code=refused.code.value,
        sentence=_(sentence),
        reason=_fill(_(reason) if reason else "", refused.facts),
        next_step=_(next_step) if next_step else "",
        status=status,
    )


def as_json(refused: Refused) -> dict[str, Any]:
    """The body of a refusal for the API and the socket: explanation plus the raw facts."""
    told = explain(refused)
    return {
        "code": told.code,
        "sentence": told.sentence,
        "reason": told.reason,
        "next_step": told.next_step,
        "facts": refused.facts,
    }


def _fill(template: str, facts: dict[str, Any]) -> str:
    try:
        return template % facts
    except KeyError:
        return ""
