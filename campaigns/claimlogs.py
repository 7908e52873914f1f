"""The log of a deal's winners, published once after the end: first who won in which order, then what became of each unit.

Computed from the claims as they were committed. Nothing is written while people tap.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet

from campaigns import commitments, proofs
from campaigns.models import Claim, ClaimLog, ClaimState, Commitment, Deal, DealState, LogPart
from liveshop.clock import now
from rooms.models import RoomEvent

# A deal runs for a day at most. What a long standstill left behind is written when somebody asks for it.
LOOK_BACK = timedelta(days=3)
_WORDS = {ClaimState.PAID: "paid", ClaimState.EXPIRED: "expired", ClaimState.RETURNED: "returned"}
log = structlog.get_logger(__name__)


def write_due(limit: int = 20) -> int:
    """Publish what is ready of the last days' deals; returns how many parts."""
    recent = Commitment.objects.filter(made_at__gt=now() - LOOK_BACK).values("deal_id")
    written = 0
    for deal in list(_lacking(Deal.objects.filter(pk__in=recent))[:limit]):
        written += write(deal)
    return written


def write(deal: Deal) -> int:
    """Publish the parts of this deal that are ready and missing; returns how many. Writing twice changes nothing."""
    promised = deal.commitment
    if promised is None or deal.state != DealState.ENDED:
        return 0
    with transaction.atomic(durable=True):
        present = {part.part: part for part in deal.logs.all()}
        claims = _claims_of(deal)
        made = 0
        if LogPart.CLAIMS not in present:
            body = _claims_body(deal, promised, claims)
            present[LogPart.CLAIMS] = _keep(deal, LogPart.CLAIMS, body)
            made += 1
        if LogPart.OUTCOMES not in present and all(claim.state in _WORDS for claim in claims):
            _keep(deal, LogPart.OUTCOMES, _outcomes_body(present[LogPart.CLAIMS].head, claims))
            made += 1
    log.info("drop_log_written", deal=deal.public_id, parts=made, rows=len(claims))
    return made


def is_lacking(deal: Deal) -> bool:
    """Whether a part of this deal's log could be published and is not."""
    return _lacking(Deal.objects.filter(pk=deal.pk, commitments__isnull=False)).exists()


def _lacking(deals: QuerySet[Deal]) -> QuerySet[Deal]:
    over = deals.filter(state=DealState.ENDED).order_by("pk").distinct()
    unwritten = over.exclude(logs__part=LogPart.CLAIMS)
    return unwritten | over.filter(held=0).exclude(logs__part=LogPart.OUTCOMES)


def _claims_of(deal: Deal) -> list[Claim]:
    """All claims as they were won, in one statement: a claim that changes its state between two would be missed. Each half has its index."""
    live = Claim.objects.filter(deal=deal, state__in=[ClaimState.HELD, ClaimState.ORDERED, ClaimState.PAID])
    given_back = Claim.objects.filter(deal=deal, state__in=[ClaimState.EXPIRED, ClaimState.RETURNED])
    return list(live.union(given_back, all=True).order_by("claimed_at", "place"))


def _claims_body(deal: Deal, promised: Commitment, claims: list[Claim]) -> dict[str, Any]:
    # What came back is won again by a later place: the first `total` winners had the units as they were given out.
    total = _promised_total(promised)
    rows = [
        {
            "n": n,
            "place": claim.place,
            "at": proofs.instant(claim.claimed_at),
            "who": commitments.pseudonym(promised, claim),
            "unit": proofs.FIRST if n <= total else proofs.AGAIN,
        }
        for n, claim in enumerate(claims, start=1)
    ]
    end = {
        "nonce": bytes(promised.nonce).hex(),
        "rows": len(rows),
        "taps": max([deal.attempts, *(claim.place for claim in claims)]),
        "ended_at": proofs.instant(_ended_at(deal)),
        "sold_out_at": proofs.instant(deal.sold_out_at) if deal.sold_out_at else None,
    }
    return {"rows": rows, "end": end, "head": proofs.chain(promised.terms_hash, [*rows, end])}


def _outcomes_body(claims_head: str, claims: list[Claim]) -> dict[str, Any]:
    rows = [{"n": n, "place": claim.place, "what": _WORDS[ClaimState(claim.state)]} for n, claim in enumerate(claims, start=1)]
    end: dict[str, Any] = {what: sum(row["what"] == what for row in rows) for what in proofs.OUTCOMES}
    end["settled_at"] = proofs.instant(now())
    return {"rows": rows, "end": end, "head": proofs.chain(claims_head, [*rows, end])}


def _keep(deal: Deal, part: LogPart, body: dict[str, Any]) -> ClaimLog:
    """Of two writers at once the first wins, and the second's rows say the same."""
    made = ClaimLog(deal=deal, part=part, body=proofs.canonical(body), head=body["head"], row_count=len(body["rows"]), made_at=now())
    ClaimLog.objects.bulk_create([made], ignore_conflicts=True)
    return ClaimLog.objects.get(deal=deal, part=part)


def _promised_total(promised: Commitment) -> int:
    return int(proofs.read(promised.terms)["total"])


def _ended_at(deal: Deal) -> datetime:
    """When taps were refused: by hand earlier than by the clock."""
    ended = RoomEvent.objects.filter(room_id=deal.room_id, kind="deal_ended", facts__deal=deal.public_id).order_by("seq").first()
    moments = [moment for moment in (deal.ends_at, ended.at if ended else None) if moment is not None]
    return min(moments, default=now())
