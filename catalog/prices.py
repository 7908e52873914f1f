"""The price history, and what may be struck through: only a price that was really asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from accounts.models import User
from catalog.models import PriceChange, Sku
from liveshop.clock import now
from liveshop.money import format_fen
from liveshop.refusals import Code, Refused

CHART_DAYS = 90
CHART_WIDTH, CHART_HEIGHT = 300, 64


@dataclass(frozen=True, slots=True)
class History:
    """The last 90 days of one SKU as a drawn step line, with the lowest and highest price."""

    points: str
    low_fen: int
    high_fen: int
    changes: list[PriceChange]


def note_in_tx(*, sku: Sku, by: User | None) -> None:
    """Write the SKU's present price into its history."""
    PriceChange.objects.create(sku=sku, price_fen=sku.price_fen, by=by)


def asked_of(skus: Iterable[Sku]) -> dict[int, set[int]]:
    """All prices that were ever asked, by the SKU's key; two lookups for all."""
    asked = {sku.pk: {sku.price_fen} for sku in skus}
    for sku_id, price_fen in PriceChange.objects.filter(sku__in=asked).values_list("sku_id", "price_fen"):
        asked[sku_id].add(price_fen)
    return asked


def is_real(asked: set[int], *, list_price_fen: int, price_fen: int) -> bool:
    """Whether a struck price is above the price and was really asked."""
    return list_price_fen > price_fen and list_price_fen in asked


def require_real(*, sku: Sku, list_price_fen: int, price_fen: int) -> None:
    """Raises Refused(INVALID) unless the struck price is above the price and the SKU was on offer at it."""
    if list_price_fen <= price_fen:
        raise Refused(Code.INVALID, why=_("The struck price must be above the price"))
    if not is_real(asked_of([sku])[sku.pk], list_price_fen=list_price_fen, price_fen=price_fen):
        raise Refused(
            Code.INVALID, why=_("%(price)s was never asked, so it may not be struck through") % {"price": format_fen(list_price_fen)}
        )


def history(sku: Sku) -> History | None:
    """The drawn history, or None while there is only one price."""
    since = now() - timedelta(days=CHART_DAYS)
    changes = list(PriceChange.objects.filter(sku=sku).order_by("at"))
    if len({change.price_fen for change in changes}) < 2:
        return None
    low, high = min(c.price_fen for c in changes), max(c.price_fen for c in changes)
    return History(_line(changes, since, low, high), low, high, changes[-6:][::-1])


def _line(changes: list[PriceChange], since: datetime, low: int, high: int) -> str:
    """A step line as the points of an SVG polyline: a price holds until the next one."""
    span = (now() - since).total_seconds()
    points: list[str] = []
    last_y = 0.0
    for change in changes:
        x = min(CHART_WIDTH, max(0.0, (change.at - since).total_seconds() / span * CHART_WIDTH))
        y = CHART_HEIGHT - 6 - (change.price_fen - low) / (high - low) * (CHART_HEIGHT - 12)
        points += [f"{x:.1f},{last_y:.1f}"] if points else []
        points.append(f"{x:.1f},{y:.1f}")
        last_y = y
    return " ".join([*points, f"{CHART_WIDTH},{last_y:.1f}"])
