"""A tap from any door: who asks, for what, and the answer as the page shows it."""

from typing import Any
from uuid import UUID

from accounts import identity
from accounts.models import IdentityKind, User
from campaigns import mine
from campaigns.memory import Kind, Target
from campaigns.models import Claim, Coupon, CouponGrant, Deal
from campaigns.outcomes import ClaimOutcome, Tap, told_facts
from liveshop.clock import to_ms
from liveshop.refusals import Code, Refused

_CLAIM_CARD = {Code.ALREADY_CLAIMED, Code.LIMIT_PER_USER}
_MOST_KNOWN = 10_000
_known: dict[tuple[Kind, str, int | None], Target] = {}


def tap(user_id: int, key: object, phone_digest: bytes | None, device_digest: bytes | None) -> Tap:
    """Raises Refused: LOGIN_REQUIRED for a guest, INVALID for a key that is no UUID."""
    if not user_id:
        raise Refused(Code.LOGIN_REQUIRED)
    try:
        return Tap(user_id, UUID(str(key)), phone_digest, device_digest)
    except ValueError as error:
        raise Refused(Code.INVALID, why="key") from error


def tap_of(user_id: int, key: str, device: str) -> Tap:
    """The tap of a page's person, whose phone is looked up. Raises Refused(LOGIN_REQUIRED | INVALID)."""
    phone = User.objects.filter(pk=user_id, is_active=True).values_list("phone", flat=True).first() if user_id else None
    return tap(
        user_id,
        key,
        identity.digest(IdentityKind.PHONE, phone) if phone else None,
        identity.digest(IdentityKind.DEVICE, device) if device else None,
    )


def known(kind: Kind, name: str, room_id: int | None = None) -> Target | None:
    """The deal or coupon with this public id (of this room), if it was looked up before: it never becomes another one."""
    return _known.get((kind, name, room_id))


def find(kind: Kind, name: str, room_id: int | None = None) -> Target:
    """The same from the database. Raises Refused(NOT_FOUND)."""
    model: Any = Deal if kind is Kind.DEAL else Coupon
    named = model.objects.filter(public_id=name[:16])
    target_id = (named.filter(room_id=room_id) if room_id is not None else named).values_list("pk", flat=True).first()
    if target_id is None:
        raise Refused(Code.NOT_FOUND)
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[kind, name, room_id] = Target(kind, target_id)
    return Target(kind, target_id)


def told(outcome: ClaimOutcome, html: str) -> dict[str, Any]:
    """The answer to a winner, with her card. Raises Refused with the card in `html` for a "no"."""
    if outcome.is_won:
        return {"code": outcome.code, **_numbers(outcome), "html": html}
    raise Refused(Code(outcome.code), **told_facts(outcome), html=html)


def card(target: Target, user_id: int, outcome: ClaimOutcome) -> str:
    """The card of an answer, drawn from the database for one person."""
    if outcome.is_won:
        return _won_card(target.kind, outcome)
    return _no_card(target, user_id, outcome)


def _numbers(outcome: ClaimOutcome) -> dict[str, Any]:
    return {
        "claim": outcome.claim,
        "place": outcome.place,
        "expires_ms": to_ms(outcome.expires_at) if outcome.expires_at else None,
    }


def _won_card(kind: Kind, outcome: ClaimOutcome) -> str:
    if kind is Kind.COUPON:
        return mine.grant_card(CouponGrant.objects.select_related("coupon").get(public_id=outcome.claim))
    return mine.claim_card(Claim.objects.select_related("deal__sku__product", "order").get(public_id=outcome.claim))


def _no_card(target: Target, user_id: int, outcome: ClaimOutcome) -> str:
    code, facts = Code(outcome.code), told_facts(outcome)
    if target.kind is Kind.COUPON:
        if code in _CLAIM_CARD:
            held = CouponGrant.objects.filter(coupon_id=target.pk, user_id=user_id).select_related("coupon")
            latest = held.order_by("-nth").first()
            if latest is not None:
                return mine.grant_card(latest)
        coupon = Coupon.objects.get(pk=target.pk)
        return mine.refusal_card(kind="coupon", target=coupon, code=code, facts=facts, user=None)
    if code is Code.ALREADY_CLAIMED and outcome.claim:
        return mine.claim_card(Claim.objects.select_related("deal__sku__product", "order").get(public_id=outcome.claim))
    deal = Deal.objects.select_related("room", "sku").get(pk=target.pk)
    return mine.refusal_card(kind="deal", target=deal, code=code, facts=facts, user=User.objects.filter(pk=user_id).first())
