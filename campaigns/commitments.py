"""What a shop binds itself to before a deal opens, and the receipts by which winners find themselves in its log.

One row a press, none a claim: a receipt is computed from the claim when it is asked for.
"""

import base64
import hashlib
import hmac
import secrets

from django.db import connection

from campaigns import proofs
from campaigns.models import Claim, Commitment, Deal, DealKind
from liveshop.clock import now

RULES = "first-come/1"  # docs/verify.md says them in words
RECEIPT_CHARACTERS, RECEIPT_GROUP = 20, 4


def commit_in_tx(deal_id: int) -> Commitment | None:
    """Hash the deal's terms with its opening times, as they are now. The deal must be locked and not open yet.

    None in a rehearsal, which promises nothing.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("commit_in_tx needs the caller's transaction")
    deal = Deal.objects.select_related("room", "sku").get(pk=deal_id)
    if deal.room.is_rehearsal:
        return None
    nonce = secrets.token_bytes(32)
    terms = proofs.canonical(_terms(deal, nonce))
    return Commitment.objects.create(
        deal=deal, terms=terms, terms_hash=proofs.sha256(terms), nonce=nonce, receipt_key=secrets.token_bytes(32), made_at=now()
    )


def receipt(commitment: Commitment, claim: Claim) -> str:
    """`K7QF-2M9D-XPTA-6W3C-HB5E`: 100 bits that only the claimer is told."""
    keyed = hmac.new(bytes(commitment.receipt_key), claim.public_id.encode(), hashlib.sha256).digest()
    text = base64.b32encode(keyed).decode()[:RECEIPT_CHARACTERS]
    return "-".join(text[start : start + RECEIPT_GROUP] for start in range(0, RECEIPT_CHARACTERS, RECEIPT_GROUP))


def pseudonym(commitment: Commitment, claim: Claim) -> str:
    """The claimer's name in the log."""
    return proofs.pseudonym(bytes(commitment.nonce).hex(), receipt(commitment, claim))


def _terms(deal: Deal, nonce: bytes) -> dict[str, str | int]:
    if deal.starts_at is None or deal.ends_at is None:
        raise ValueError("a deal is committed to when it has its times")
    return {
        "format": proofs.TERMS_FORMAT,
        "deal": deal.public_id,
        "room": deal.room.slug,
        "title": deal.title,
        "sku": deal.sku.public_id,
        "kind": "newcomer" if deal.kind == DealKind.NEWCOMER else "general",
        "price_fen": deal.price_fen,
        "shelf_price_fen": deal.sku.price_fen,
        "total": deal.total,
        "per_person": 1,
        "per_day": deal.per_day_limit,
        "hold_s": deal.hold_s,
        "opens_at": proofs.instant(deal.starts_at),
        "closes_at": proofs.instant(deal.ends_at),
        "rules": RULES,
        "nonce_hash": proofs.sha256(nonce.hex()),
    }
