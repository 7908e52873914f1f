"""The cards of a burst: drawn once for everybody, then filled with each person's own figures.

Drawing a card costs two queries and a template; a thousand winners and their rivals would wait for that. Marks stand where
a person's figures go. A card that needs more of the person than figures is not drawn here, and `drawn` says None.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from django.utils import translation
from django.utils.html import escape

from campaigns import mine
from campaigns.memory import Kind, Target
from campaigns.models import Claim, Coupon, CouponGrant, Deal, Waiting
from campaigns.outcomes import WON, ClaimOutcome, told_facts
from liveshop.clock import to_ms
from liveshop.refusals import Code
from liveshop.threads import in_thread

CARD_S = 5.0  # what the anchor changes of a deal shows in its cards after this long
WAITING_S = 1.0
MOST = 2_000
# A moment no hold ends at: stands for the end of a hold until it is filled in.
_MOMENT = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
# The figures that memory's refusals come with.
_FIGURES = {
    Code.SOLD_OUT.value: ("late_s", "place", "total"),
    Code.NOT_STARTED.value: ("early_s",),
    Code.FROZEN.value: ("why",),
    Code.ENDED.value: (),
}
_FOR_ALL = {WON, Code.RATE_LIMITED.value, Code.UNAVAILABLE.value, *_FIGURES}
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Card:
    """HTML with marks."""

    html: str

    def filled(self, outcome: ClaimOutcome) -> str:
        """With the figures of one answer."""
        figures = told_facts(outcome) | {"place": outcome.place, "claim": outcome.claim}
        html = self.html
        if outcome.expires_at is not None:
            html = html.replace(str(to_ms(_MOMENT)), str(to_ms(outcome.expires_at)))
        while (start := html.find("\ue000")) >= 0:
            end = html.index("\ue001", start)
            html = f"{html[:start]}{escape(figures.get(html[start + 1 : end], ''))}{html[end + 1 :]}"
        return html


class Fresh(Generic[K, V]):
    """Values that live for a while; many who want one at the same time wait for one fetch."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._kept: dict[K, tuple[float, V]] = {}
        self._coming: dict[K, asyncio.Task[V]] = {}

    def get(self, key: K) -> V | None:
        until, value = self._kept.get(key, (0.0, None))
        return value if until > time.monotonic() else None

    async def fetch(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        value = self.get(key)
        if value is not None:
            return value
        coming = self._coming.get(key)
        if coming is None or coming.get_loop() is not asyncio.get_running_loop():
            coming = self._coming[key] = asyncio.get_running_loop().create_task(self._make(key, make))
        return await asyncio.shield(coming)

    async def _make(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        try:
            value = await make()
        finally:
            self._coming.pop(key, None)
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[key] = time.monotonic() + self._ttl_s, value
        return value


_cards: Fresh[tuple[Target, str, str, tuple[str, ...], str], Card] = Fresh(CARD_S)
_waiting: Fresh[int, frozenset[int]] = Fresh(WAITING_S)


def known(target: Target, language: str, code: str, user_id: int) -> Card | None:
    """The card of a "no", if it is drawn and this person has nothing of her own to see instead."""
    if _asks_for_waiting(target, code):
        waiting = _waiting.get(target.pk)
        if waiting is None or user_id in waiting:
            return None
    return _cards.get((target, language, code, _FIGURES.get(code, ()), ""))


async def drawn(target: Target, language: str, outcome: ClaimOutcome, user_id: int) -> Card | None:
    """The card of an answer, drawn now if it must be; None when it is this person's alone."""
    if outcome.code not in _FOR_ALL:
        return None
    if _asks_for_waiting(target, outcome.code) and user_id in await _waiting.fetch(target.pk, lambda: in_thread(_waiting_for)(target.pk)):
        return None
    # A coupon says its last day in words, which are the same for all who take it within a minute.
    minute = f"{outcome.expires_at:%Y-%m-%d %H:%M}" if outcome.is_won and outcome.expires_at and target.kind is Kind.COUPON else ""
    figures = () if outcome.is_won else tuple(sorted(told_facts(outcome)))
    return await _cards.fetch((target, language, outcome.code, figures, minute), lambda: in_thread(_draw)(target, language, outcome))


def _asks_for_waiting(target: Target, code: str) -> bool:
    return target.kind is Kind.DEAL and code == Code.SOLD_OUT


def _waiting_for(deal_id: int) -> frozenset[int]:
    return frozenset(Waiting.objects.filter(deal_id=deal_id).values_list("user_id", flat=True))


def _draw(target: Target, language: str, outcome: ClaimOutcome) -> Card:
    with translation.override(language):
        if target.kind is Kind.COUPON:
            return Card(_coupon_card(Coupon.objects.get(pk=target.pk), outcome))
        return Card(_deal_card(Deal.objects.select_related("room", "sku__product").get(pk=target.pk), outcome))


def _deal_card(deal: Deal, outcome: ClaimOutcome) -> str:
    if outcome.is_won:
        return mine.claim_card(Claim(deal=deal, public_id=_mark("claim"), place=_mark("place"), expires_at=_MOMENT))
    return mine.refusal_card(kind="deal", target=deal, code=Code(outcome.code), facts=_marks(outcome), user=None)


def _coupon_card(coupon: Coupon, outcome: ClaimOutcome) -> str:
    if outcome.is_won:
        return mine.grant_card(CouponGrant(coupon=coupon, public_id=_mark("claim"), expires_at=outcome.expires_at or _MOMENT))
    return mine.refusal_card(kind="coupon", target=coupon, code=Code(outcome.code), facts=_marks(outcome), user=None)


def _marks(outcome: ClaimOutcome) -> dict[str, str]:
    return {name: _mark(name) for name in told_facts(outcome)}


def _mark(name: str) -> str:
    return f"\ue000{name}\ue001"
