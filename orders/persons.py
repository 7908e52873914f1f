"""One person, one newcomer unit: receiving address and paying account are known only at order and payment, so they are checked there."""

import unicodedata

from accounts import identity
from accounts.models import Address, IdentityKey, IdentityKind
from campaigns.models import Claim, ClaimKey, DealKind
from orders.models import Order, Payment


def admit_address_in_tx(claim: Claim, address: Address) -> bool:
    """Whether this newcomer claim may go to this address: one unit of a deal to one receiver's door.

    The name is part of the key, so that a dormitory or an office is not one person.
    """
    if claim.deal.kind != DealKind.NEWCOMER:
        return True
    parts = (address.province, address.city, address.district, address.detail, address.name)
    return _keep_in_tx(claim, IdentityKind.ADDRESS, identity.digest(IdentityKind.ADDRESS, folded("".join(parts))))


def admit_payer_in_tx(order: Order, payment: Payment) -> bool:
    """Whether this account may pay this order. For a newcomer deal it must not have paid for another unit of the deal,
    nor belong to a person who has bought here before. The deal's row is locked by the caller, so two payers cannot both pass.
    """
    if order.claim is None or order.claim.deal.kind != DealKind.NEWCOMER or payment.payer_digest is None:
        return True
    digest = bytes(payment.payer_digest)
    known = IdentityKey.objects.filter(kind=IdentityKind.PAYER, digest=digest, user__first_paid_at__isnull=False)
    if known.exclude(user_id=order.buyer_id).exists():
        return False
    return _keep_in_tx(order.claim, IdentityKind.PAYER, digest)


def folded(text: str) -> str:
    """Width, case, spaces and punctuation make no other address."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def _keep_in_tx(claim: Claim, kind: IdentityKind, digest: bytes) -> bool:
    key, is_new = ClaimKey.objects.get_or_create(deal_id=claim.deal_id, kind=kind.value, digest=digest, defaults={"claim": claim})
    return is_new or key.claim_id == claim.pk
