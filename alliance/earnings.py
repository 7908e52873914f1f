"""What a promoter earns: totals and lines with their waterfalls, all from frozen rows."""

from dataclasses import dataclass

from django.db.models import Q, Sum

from accounts.models import User
from alliance.commissions import terms_of
from alliance.models import Attribution, CommissionKind, CommissionLine, CommissionState
from alliance.waterfall import Entry, waterfall


@dataclass(frozen=True, slots=True)
class Totals:
    """A promoter's money after the service fee, in fen."""

    pending_fen: int
    settled_fen: int
    invalid_fen: int
    line_count: int


@dataclass(frozen=True, slots=True)
class EarningLine:
    """One commission with how it came about; `steps` sum to zero."""

    commission: CommissionLine
    attribution: Attribution
    net_fen: int
    steps: list[Entry]


def totals(promoter: User) -> Totals:
    """Sums of net commission by state."""
    earned = CommissionLine.objects.filter(promoter=promoter, kind=CommissionKind.EARNED)
    pending = Q(state__in=[CommissionState.PAID, CommissionState.RECEIVED])
    sums = earned.aggregate(
        pending=Sum("amount_fen", filter=pending, default=0) - Sum("service_fee_fen", filter=pending, default=0),
        settled=Sum("amount_fen", filter=Q(state=CommissionState.SETTLED), default=0)
        - Sum("service_fee_fen", filter=Q(state=CommissionState.SETTLED), default=0),
        invalid=Sum("amount_fen", filter=Q(state=CommissionState.INVALID), default=0)
        - Sum("service_fee_fen", filter=Q(state=CommissionState.INVALID), default=0),
    )
    return Totals(sums["pending"], sums["settled"], sums["invalid"], earned.count())


def lines(promoter: User, *, path: str = "", limit: int = 100) -> list[EarningLine]:
    """Newest first, reversals as lines of their own; `path` is "room", "link" or empty for both."""
    found = CommissionLine.objects.filter(promoter=promoter).select_related(
        "attribution__line__order__shop", "attribution__room", "attribution__click__link", "attribution__plan"
    )
    if path:
        found = found.filter(attribution__path=path)
    return [
        EarningLine(line, line.attribution, line.amount_fen - line.service_fee_fen, waterfall(terms_of(line.attribution)))
        for line in found.order_by("-created_at", "-pk")[:limit]
    ]


def unpaid_reasons(promoter: User, limit: int = 20) -> list[Attribution]:
    """Lines of paid orders that were hers but earn nothing, newest first, with their reason: never silent."""
    return list(
        Attribution.objects.filter(promoter=promoter, line__order__paid_at__isnull=False)
        .exclude(no_commission_reason="")
        .select_related("line__order")
        .order_by("-decided_at")[:limit]
    )
