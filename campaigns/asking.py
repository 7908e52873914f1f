"""A tap from any door: who asks, for what, and the answer as the page shows it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts import identity
from accounts.models import IdentityKind, User
from campaigns import mine
from campaigns.memory import Kind
from campaigns.models import Claim, Coupon, CouponGrant, Deal
from campaigns.outcomes import ClaimOutcome, told_facts
from liveshop.clock import to_ms
from liveshop.refusals import Code, Refused

_CLAIM_CARD = {Code.ALREADY_CLAIMED, Code.LIMIT_PER_USER}


@dataclass(frozen=True, slots=True)
class Asking:
    """Everything the engine needs, looked up once."""

    target_id: int
    user_id: int
    key: UUID
    phone_digest: bytes | None
    device_digest: bytes | None


def read(*, kind: Kind, target: str, key: str, user_id: int, device: str, room_id: int | None = None) -> Asking:
    """Raises Refused: LOGIN_REQUIRED, INVALID for a key that is none, NOT_FOUND for an unknown deal or coupon (of this room)."""
    if not user_id:
        raise Refused(Code.LOGIN_REQUIRED)
    try:
        tap_key = UUID(str(key))
    except ValueError as error:
        raise Refused(Code.INVALID, why="key") from error
    phone = User.objects.filter(pk=user_id, is_active=True).values_list("phone", flat=True)
    if not phone:
        raise Refused(Code.LOGIN_REQUIRED)
    model: Any = Deal if kind is Kind.DEAL else Coupon
    known = model.objects.filter(public_id=target)
    target_id = (known.filter(room_id=room_id) if room_id is not None else known).values_list("pk", flat=True).first()
    if target_id is None:
        raise Refused(Code.NOT_FOUND)
    return Asking(
        target_id=target_id,
        user_id=user_id,
        key=tap_key,
        phone_digest=identity.digest(IdentityKind.PHONE, phone[0]) if phone[0] else None,
        device_digest=identity.digest(IdentityKind.DEVICE, device) if device else None,
    )


def told(*, kind: Kind, asking: Asking, outcome: ClaimOutcome) -> dict[str, Any]:
    """The answer to a winner, with her card. Raises Refused with the card in `html` for a "no"."""
    if outcome.is_won:
        return {"code": outcome.code, **_numbers(outcome), "html": _won_card(kind, outcome)}
    raise Refused(Code(outcome.code), **told_facts(outcome), html=_no_card(kind, asking, outcome))


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


def _no_card(kind: Kind, asking: Asking, outcome: ClaimOutcome) -> str:
    code, facts = Code(outcome.code), told_facts(outcome)
    if kind is Kind.COUPON:
        if code in _CLAIM_CARD:
            held = CouponGrant.objects.filter(coupon_id=asking.target_id, user_id=asking.user_id).select_related("coupon")
            latest = held.order_by("-nth").first()
            if latest is not None:
                return mine.grant_card(latest)
        coupon = Coupon.objects.get(pk=asking.target_id)
        return mine.refusal_card(kind="coupon", target=coupon, code=code, facts=facts, user=None)
    if code is Code.ALREADY_CLAIMED and outcome.claim:
        return mine.claim_card(Claim.objects.select_related("deal__sku__product", "order").get(public_id=outcome.claim))
    deal = Deal.objects.select_related("room", "sku").get(pk=asking.target_id)
    return mine.refusal_card(kind="deal", target=deal, code=code, facts=facts, user=User.objects.get(pk=asking.user_id))
