"""The public page of a drop: what was promised before, who won in which order, and where one stands oneself."""

import contextlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.utils.timezone import localtime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from procrastinate.exceptions import AlreadyEnqueued

from accounts.models import User
from campaigns import claimlogs, commitments, proofs, tasks
from campaigns.models import Claim, ClaimLog, ClaimState, Commitment, Deal, DealState, LogPart
from liveshop.refusals import Code, Refused

SHOWN_ROWS = 100
A_PAGE = 20
RECIPE = settings.BASE_DIR / "static" / "data" / "verify_drop.py"


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """A claim with its receipt, for its owner's eyes."""

    claim: Claim
    receipt: str
    who: str

    @property
    def is_given_back(self) -> bool:
        return self.claim.state in (ClaimState.EXPIRED, ClaimState.RETURNED)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def drop(request: HttpRequest, public_id: str) -> HttpResponse:
    """Promise, log and check; a posted receipt is looked up for pages without scripts."""
    deal, promised = _deal(public_id)
    log = _log(deal, promised)
    asked = request.POST.get("receipt", "")[:60]
    context = {
        "deal": deal,
        "promised": promised,
        "terms": log["terms"],
        "earlier": [made for made in deal.commitments.all() if made.pk != promised.pk],
        "claims": log["claims"],
        "outcomes": log["outcomes"],
        "rows": _rows(log, log["claims"]["rows"][:SHOWN_ROWS] if log["claims"] else []),
        "again_count": sum(row["unit"] == proofs.AGAIN for row in log["claims"]["rows"]) if log["claims"] else 0,
        "is_withdrawn": deal.state in (DealState.DRAFT, DealState.CANCELLED),
        "failures": log["failures"],
        "own": _own(deal, promised, request.user),
        "asked": asked,
        "found": _found(log, asked) if asked and log["claims"] else None,
        "recipe": RECIPE.read_text(encoding="utf-8"),
    }
    return render(request, "campaigns/drop.html", context)


@require_safe
def log_file(request: HttpRequest, public_id: str) -> HttpResponse:
    """All that is public of it, as JSON to keep: the promise at once, the log when it is written."""
    deal, promised = _deal(public_id)
    parts = {part.part: part.body for part in _parts(deal)}
    # The parts stay the text they are stored as: a large log is not read and written again for each download.
    body = (
        f'{{"format":"{proofs.LOG_FORMAT}","terms":{promised.terms},"terms_hash":"{promised.terms_hash}",'
        f'"committed_at":"{proofs.instant(promised.made_at)}",'
        f'"claims":{parts.get(LogPart.CLAIMS, "null")},"outcomes":{parts.get(LogPart.OUTCOMES, "null")}}}'
    )
    answer = HttpResponse(body, content_type="application/json")
    if "download" in request.GET:
        answer["Content-Disposition"] = f'attachment; filename="drop-{deal.public_id}.json"'
    answer["Cache-Control"] = "no-cache"
    return answer


@require_safe
@never_cache
@login_required
def my_claims(request: HttpRequest) -> HttpResponse:
    """What one has claimed, with the receipts."""
    own = Claim.objects.filter(user=cast(User, request.user)).select_related("deal__sku__product", "deal__room", "order")
    own = own.prefetch_related("deal__commitments", "deal__sku__product__pictures").order_by("-claimed_at", "-pk")
    page = Paginator(own, A_PAGE).get_page(request.GET.get("page"))
    places = [(claim, _place(claim.deal.commitment, claim)) for claim in page]
    return render(request, "campaigns/my_claims.html", {"page": page, "places": places, "states": ClaimState})


def _deal(public_id: str) -> tuple[Deal, Commitment]:
    """The deal and what it promised. Raises Refused(NOT_FOUND) for one that nobody was ever shown."""
    found = Deal.objects.select_related("room__anchor", "sku__product").prefetch_related("commitments", "sku__product__pictures")
    deal = found.filter(public_id=public_id).first()
    promised = deal.commitment if deal is not None else None
    if deal is None or promised is None:
        raise Refused(Code.NOT_FOUND)
    return deal, promised


def _parts(deal: Deal) -> list[ClaimLog]:
    """What is published; what is ready and is not gets a job, should the clock have missed it."""
    parts = list(deal.logs.defer("body").order_by("part"))
    if deal.state == DealState.ENDED and len(parts) < len(LogPart) and claimlogs.is_lacking(deal):
        with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
            tasks.write_log.configure(queueing_lock=f"campaigns.log:{deal.public_id}").defer(deal=deal.public_id)
    return parts


def _log(deal: Deal, promised: Commitment) -> dict[str, Any]:
    return _read(promised.pk, tuple(part.pk for part in _parts(deal)))


@lru_cache(maxsize=8)
def _read(promised_id: int, part_ids: tuple[int, ...]) -> dict[str, Any]:
    """Kept, for none of these rows ever changes, and a large log takes a second to read and check."""
    promised = Commitment.objects.get(pk=promised_id)
    parts = {part.part: proofs.read(part.body) for part in ClaimLog.objects.filter(pk__in=part_ids)}
    log = {
        "terms": proofs.read(promised.terms),
        "terms_hash": promised.terms_hash,
        "committed_at": proofs.instant(promised.made_at),
        "claims": parts.get(LogPart.CLAIMS),
        "outcomes": parts.get(LogPart.OUTCOMES),
    }
    return log | {"failures": proofs.failures(log)}


def _rows(log: dict[str, Any], winners: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Winners with what became of their units, once that is published."""
    became = log["outcomes"]["rows"] if log["outcomes"] else None
    return [row | {"what": became[row["n"] - 1]["what"] if became else "", "time": _time(row["at"])} for row in winners]


def _time(at: str) -> str:
    moment = parse_datetime(at)
    return f"{localtime(moment):%H:%M:%S.%f}"[:-3] if moment else ""


def _found(log: dict[str, Any], receipt: str) -> dict[str, Any]:
    who = proofs.pseudonym(log["claims"]["end"]["nonce"], receipt)
    return next(iter(_rows(log, [row for row in log["claims"]["rows"] if row["who"] == who])), {})


def _own(deal: Deal, promised: Commitment, user: User | AnonymousUser) -> list[OwnPlace]:
    if not isinstance(user, User):
        return []
    live = Claim.objects.filter(deal=deal, user=user, state__in=[ClaimState.HELD, ClaimState.ORDERED, ClaimState.PAID])
    given_back = Claim.objects.filter(deal=deal, user=user, state__in=[ClaimState.EXPIRED, ClaimState.RETURNED])
    places = [_place(promised, claim) for claim in live.union(given_back, all=True).order_by("place")]
    return [place for place in places if place is not None]


def _place(promised: Commitment | None, claim: Claim) -> OwnPlace | None:
    if promised is None:
        return None
    return OwnPlace(claim, commitments.receipt(promised, claim), commitments.pseudonym(promised, claim))
