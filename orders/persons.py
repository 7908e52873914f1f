"""One person, one newcomer unit: receiving address and paying account are known only at order and payment, so they are checked there."""

import unicodedata

from django.db import connection

from accounts import identity
from accounts.models import Address, IdentityKey, IdentityKind, User
from campaigns.models import Claim, ClaimKey, ClaimState, DealKind
from orders.models import Order, Payment


def admit_newcomer_in_tx(claim: Claim) -> bool:
    """Whether this newcomer claim may be ordered: units won in several rooms before the first payment are one choice.

    Her row is locked, so that two orders cannot both be the first.
    """
    if claim.deal.kind != DealKind.NEWCOMER:
        return True
    User.objects.select_for_update(no_key=True).only("pk").get(pk=claim.user_id)
    chosen = Claim.objects.filter(user=claim.user_id, deal__kind=DealKind.NEWCOMER, state__in=[ClaimState.ORDERED, ClaimState.PAID])
    return not chosen.exclude(pk=claim.pk).exists()


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
    nor belong to a person who has bought here before. One payer's payments are judged one after the other, whatever the deal.
    """
    if order.claim is None or order.claim.deal.kind != DealKind.NEWCOMER or payment.payer_digest is None:
        return True
    digest = bytes(payment.payer_digest)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], signed=True)])
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
