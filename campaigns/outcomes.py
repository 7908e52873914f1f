"""What somebody hears after a tap: won, or a coded refusal with its facts."""

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from liveshop.refusals import Code, Refused

WON = "WON"
SAME_PERSON = "SAME_PERSON"  # another account of the same person has one: told as ALREADY_CLAIMED, without naming it


class Tap(NamedTuple):
    """One person's wish for one unit. A retry carries the same key."""

    user_id: int
    key: UUID
    phone: bytes | None = None
    device: bytes | None = None


class ClaimOutcome(NamedTuple):
    """`code` is "WON" or a refusal's; `claim` the public id of the claim or coupon grant that it is about."""

    code: str
    claim: str = ""
    place: int = 0
    expires_at: datetime | None = None
    facts: Mapping[str, Any] = MappingProxyType({})

    @property
    def is_won(self) -> bool:
        return self.code == WON

    def refusal(self) -> Refused:
        """The "no" as every door says it, its facts in the active language."""
        return Refused(Code(self.code), **told_facts(self))


def from_row(row: tuple[Any, ...]) -> ClaimOutcome:
    """An answer of the judging functions."""
    code, claim, place, expires_at, facts = row
    facts = json.loads(facts) if isinstance(facts, str) else facts or {}  # Django leaves jsonb as text
    if code == SAME_PERSON:
        code, facts = Code.ALREADY_CLAIMED.value, {"is_other_account": True}
    return ClaimOutcome(code, claim or "", place or 0, expires_at, facts)


def told_facts(outcome: ClaimOutcome) -> dict[str, Any]:
    """The facts as plain values that sentences can be filled with."""
    facts = dict(outcome.facts)
    if outcome.place:
        facts["place"] = outcome.place
    if outcome.claim:
        facts["claim"] = outcome.claim
    if outcome.code == Code.SOLD_OUT and "late_s" in facts:
        facts["late_s"] = f"{max(float(facts['late_s']), 0.01):.2f}"
    if outcome.code == Code.NOT_NEWCOMER:
        facts |= _newcomer_facts(facts)
    if outcome.code == Code.FORBIDDEN:
        facts["why"] = _role_says(str(facts.get("role", "")))
    if outcome.code == Code.NOT_ELIGIBLE:
        facts["why"] = _("For those who first followed in the last %(n)s minutes") % {"n": int(facts.get("within_s", 600)) // 60}
    if outcome.code == Code.BANNED:
        facts["until"] = _day(facts.get("until")) or _("it is lifted")
    if outcome.code == Code.FROZEN:
        facts["why"] = facts.get("why") or (_("This room is closed for now") if facts.get("is_room_banned") else _("The anchor paused it"))
    return facts


def _newcomer_facts(facts: dict[str, Any]) -> dict[str, Any]:
    day = _day(facts.get("paid_at"))
    return {"date": day, "paid_at": None} if day else {"paid_at": None}


def _day(moment: Any) -> str:
    """`2026-11-23 20:10`, of an ISO text or a moment, in the site's zone; empty for none."""
    parsed = parse_datetime(moment) if isinstance(moment, str) else moment
    return str(date_format(timezone.localtime(parsed), "Y-m-d H:i")) if parsed else ""


def _role_says(role: str) -> str:
    return {
        "anchor": _("Deals in your own room are for your viewers"),
        "merchant": _("You cannot buy your own goods"),
    }.get(role, _("Operators do not buy or claim"))
