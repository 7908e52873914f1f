"""Pending commissions: written when an order is paid, taken back by a new negative row when a paid order is undone."""

from alliance.models import Attribution, CommissionKind, CommissionLine, CommissionState
from alliance.waterfall import Entry, Party, Terms, commission_of, freight, service_fee_of, waterfall
from ledger.book import PLATFORM, Posting, post_in_tx
from orders.models import Order


def terms_of(attribution: Attribution) -> Terms:
    """The frozen figures of a line, as the waterfall needs them."""
    line = attribution.line
    return Terms(
        goods_fen=line.goods_fen,
        merchant_discount_fen=line.merchant_discount_fen,
        platform_discount_fen=line.platform_discount_fen,
        rate_permille=attribution.rate_permille,
        service_permille=attribution.service_permille,
        category_fee_permille=attribution.category_fee_permille,
    )


def order_paid_in_tx(order: Order) -> None:
    """The "paid" hook: a pending commission for each line that earns, and the whole order in the ledger. Twice is once."""
    postings: list[Posting] = []
    for attribution in _attributions(order):
        terms = terms_of(attribution)
        postings += [_posting(order, attribution, entry) for entry in waterfall(terms)]
        if attribution.promoter and commission_of(terms):
            CommissionLine.objects.get_or_create(
                attribution=attribution,
                kind=CommissionKind.EARNED,
                defaults={"promoter": attribution.promoter, "amount_fen": commission_of(terms), "service_fee_fen": service_fee_of(terms)},
            )
    postings += [_posting(order, None, entry) for entry in freight(order.freight_fen)]
    post_in_tx(reference=f"order:{order.public_id}:paid", subject=f"order:{order.public_id}", kind="paid", postings=postings)


def order_closed_in_tx(order: Order) -> None:
    """The "closed" hook: an order that had been paid gives everything back at the lines' own rates; an unpaid one moves nothing."""
    earned = CommissionLine.objects.select_for_update(no_key=True, of=("self",)).filter(
        attribution__line__order=order, kind=CommissionKind.EARNED, state=CommissionState.PAID
    )
    for line in earned:
        CommissionLine.objects.get_or_create(
            attribution_id=line.attribution_id,
            kind=CommissionKind.REVERSED,
            defaults={
                "promoter_id": line.promoter_id,
                "amount_fen": -line.amount_fen,
                "service_fee_fen": -line.service_fee_fen,
                "state": CommissionState.INVALID,
            },
        )
    earned.update(state=CommissionState.INVALID)
    if order.paid_at is None:
        return
    postings = [
        _posting(order, attribution, entry, sign=-1) for attribution in _attributions(order) for entry in waterfall(terms_of(attribution))
    ]
    postings += [_posting(order, None, entry, sign=-1) for entry in freight(order.freight_fen)]
    post_in_tx(reference=f"order:{order.public_id}:reversed", subject=f"order:{order.public_id}", kind="reversed", postings=postings)


def _attributions(order: Order) -> list[Attribution]:
    return list(Attribution.objects.filter(line__order=order).select_related("line", "promoter").order_by("line_id"))


def _posting(order: Order, attribution: Attribution | None, entry: Entry, sign: int = 1) -> Posting:
    promoter = attribution.promoter.public_id if attribution and attribution.promoter else ""
    owner = {
        Party.BUYER: f"user:{order.buyer.public_id}",
        Party.MERCHANT: f"shop:{order.shop.public_id}",
        Party.PROMOTER: f"user:{promoter}",
        Party.PLATFORM: PLATFORM,
    }[entry.party]
    note = f"line:{attribution.line.public_id}" if attribution else ""
    return Posting(owner, entry.step.value, sign * entry.amount_fen, note)
