"""The one price calculator: pure, integer fen, used by shelf, checkout, order and refund alike.

One coupon an order. A discount is split over the units it is for by largest remainder when the order is placed, and a
refund gives back what a unit really cost, so refunding every unit one by one returns exactly what was paid.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from liveshop.money import format_fen, split_by_weight

BEST = "best"
MERCHANT, PLATFORM = "merchant", "platform"
ITEM, SHOP, CATEGORY, SITE = 1, 2, 3, 4
# No payment provider takes a payment of nothing, so a coupon leaves at least this much of the goods to pay.
LEAST_GOODS_FEN = 1


@dataclass(frozen=True, slots=True)
class Line:
    """Some units of one SKU at one price."""

    sku_id: int
    quantity: int
    unit_price_fen: int
    list_price_fen: int | None = None
    shop_id: int = 0
    product_id: int = 0
    category_ids: frozenset[int] = frozenset()
    is_deal: bool = False

    @property
    def goods_fen(self) -> int:
        return self.unit_price_fen * self.quantity


@dataclass(frozen=True, slots=True)
class CouponTerms:
    """What a coupon in somebody's hands promises. `grant_id` is the key of the grant, `public_id` its public name."""

    grant_id: int
    public_id: str
    title: str
    target: int
    off_fen: int
    threshold_fen: int = 0
    funder: str = MERCHANT
    shop_id: int | None = None
    product_id: int | None = None
    category_id: int | None = None
    expires_at: datetime | None = None

    def covers(self, line: Line) -> bool:
        """Whether it is for this line at all; a deal's price is never combined with a coupon."""
        if line.is_deal:
            return False
        # A merchant pays for its own goods only, whatever the target says.
        if self.funder == MERCHANT and self.shop_id is not None and line.shop_id != self.shop_id:
            return False
        if self.target == ITEM:
            return line.product_id == self.product_id
        if self.target == SHOP:
            return line.shop_id == self.shop_id
        if self.target == CATEGORY:
            return self.category_id in line.category_ids
        return self.target == SITE


@dataclass(frozen=True, slots=True)
class FreightTerms:
    """A shop's freight. Free from an amount of goods on, counted before coupons so that a coupon never costs freight."""

    freight_fen: int = 0
    free_from_fen: int | None = None
    remote_extra_fen: int = 0
    is_remote: bool = False

    def of(self, goods_fen: int) -> int:
        free = self.free_from_fen is not None and goods_fen >= self.free_from_fen
        return (0 if free else self.freight_fen) + (self.remote_extra_fen if self.is_remote else 0)


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with each unit's share of the discount by funder, in unit order."""

    sku_id: int
    quantity: int
    unit_price_fen: int
    list_price_fen: int | None
    goods_fen: int
    merchant_discount_fen: int
    platform_discount_fen: int
    shares: list[dict[str, int]]

    @property
    def discount_fen(self) -> int:
        return self.merchant_discount_fen + self.platform_discount_fen

    @property
    def pays_fen(self) -> int:
        return self.goods_fen - self.discount_fen

    def unit_pays_fen(self, nth: int) -> int:
        """What the nth unit (from 0) really cost: the amount of its refund."""
        return self.unit_price_fen - sum(self.shares[nth].values())


@dataclass(frozen=True, slots=True)
class CouponOption:
    """A coupon at hand and what it would do here; `missing_fen` is how much is wanting to its threshold."""

    public_id: str
    title: str
    saves_fen: int
    missing_fen: int
    is_for_these: bool
    is_chosen: bool
    is_best: bool
    expires_at: datetime | None

    @property
    def why(self) -> str:
        """One short sentence on why it is used, or why it is not."""
        if self.is_chosen:
            return _("Saves you the most") if self.is_best else _("Chosen by you")
        if not self.is_for_these:
            return _("Not for these goods")
        if self.missing_fen:
            return _("%(amount)s more and you can use it") % {"amount": format_fen(self.missing_fen)}
        return _("Saves %(amount)s") % {"amount": format_fen(self.saves_fen)}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the explanation: `kind` is goods, coupon, freight or due; negative amounts lower what is due."""

    kind: str
    amount_fen: int
    title: str = ""
    funder: str = ""

    @property
    def label(self) -> str:
        """What the buyer reads, in the active language."""
        if self.kind == "coupon":
            by = _("paid for by the platform") if self.funder == PLATFORM else _("paid for by the merchant")
            return f"{_('Coupon')} “{self.title}” ({by})"
        names = {"goods": _("Goods"), "freight": _("Freight"), "remote": _("Remote area"), "due": _("To pay")}
        return names[self.kind]


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """The price of a purchase, line by line. due = goods − discount + freight."""

    lines: list[PricedLine]
    goods_fen: int
    discount_fen: int
    freight_fen: int
    due_fen: int
    grant_ids: list[int] = field(default_factory=list)
    grant: str = ""
    options: list[CouponOption] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def merchant_discount_fen(self) -> int:
        return sum(line.merchant_discount_fen for line in self.lines)

    @property
    def platform_discount_fen(self) -> int:
        return sum(line.platform_discount_fen for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """What an order keeps as shown to and accepted by its buyer; primary keys stay out."""
        return {
            "goods_fen": self.goods_fen,
            "discount_fen": self.discount_fen,
            "freight_fen": self.freight_fen,
            "due_fen": self.due_fen,
            "grant": self.grant,
            "rows": [{"kind": row.kind, "amount_fen": row.amount_fen, "title": row.title, "funder": row.funder} for row in self.rows],
            "lines": [
                {
                    "quantity": line.quantity,
                    "unit_price_fen": line.unit_price_fen,
                    "list_price_fen": line.list_price_fen,
                    "goods_fen": line.goods_fen,
                    "merchant_discount_fen": line.merchant_discount_fen,
                    "platform_discount_fen": line.platform_discount_fen,
                    "shares": line.shares,
                }
                for line in self.lines
            ],
        }


def price(
    lines: Sequence[Line],
    coupons: Sequence[CouponTerms] = (),
    freight: FreightTerms | None = None,
    choice: str = BEST,
) -> PriceSheet:
    """The price of `lines`; `choice` is "best", "" for no coupon, or the public id of one of `coupons`.

    A chosen coupon that does not apply is not used. Raises ValueError for a quantity below 1 or a negative price.
    """
    if any(line.quantity < 1 or line.unit_price_fen < 0 for line in lines):
        raise ValueError("quantities are positive, prices not negative")
    terms = freight or FreightTerms()
    best = best_coupon(lines, coupons)
    chosen = best if choice == BEST else next((c for c in coupons if c.public_id == choice and saving(lines, c)), None)
    off = _units_off(lines, chosen)
    priced = [_priced(line, shares, chosen) for line, shares in zip(lines, off, strict=True)]
    goods, discount = sum(line.goods_fen for line in lines), sum(map(sum, off))
    freight_fen = terms.of(goods)
    return PriceSheet(
        lines=priced,
        goods_fen=goods,
        discount_fen=discount,
        freight_fen=freight_fen,
        due_fen=goods - discount + freight_fen,
        grant_ids=[chosen.grant_id] if chosen else [],
        grant=chosen.public_id if chosen else "",
        options=[_option(lines, coupon, chosen, best) for coupon in coupons],
        rows=_rows(goods, discount, freight_fen, terms, chosen),
    )


def saving(lines: Sequence[Line], coupon: CouponTerms) -> int:
    """What the coupon takes off these lines; 0 when it does not apply."""
    covered = _covered_fen(lines, coupon)
    if covered <= 0 or covered < coupon.threshold_fen:
        return 0
    goods = sum(line.goods_fen for line in lines)
    return max(0, min(coupon.off_fen, covered, goods - LEAST_GOODS_FEN))


def best_coupon(lines: Sequence[Line], coupons: Sequence[CouponTerms]) -> CouponTerms | None:
    """The one that saves most; among equals the one that runs out first."""
    useful = [(saving(lines, coupon), coupon) for coupon in coupons]
    useful = [(off, coupon) for off, coupon in useful if off]
    if not useful:
        return None
    return min(useful, key=lambda pair: (-pair[0], _last(pair[1].expires_at), pair[1].grant_id))[1]


def _covered_fen(lines: Sequence[Line], coupon: CouponTerms) -> int:
    return sum(line.goods_fen for line in lines if coupon.covers(line))


def _last(moment: datetime | None) -> float:
    return moment.timestamp() if moment else float("inf")


def _units_off(lines: Sequence[Line], coupon: CouponTerms | None) -> list[list[int]]:
    """The discount of each unit of each line; a unit never gets more off than it costs."""
    off = [[0] * line.quantity for line in lines]
    if coupon is None:
        return off
    units = [(i, n) for i, line in enumerate(lines) if coupon.covers(line) for n in range(line.quantity)]
    parts = split_by_weight(saving(lines, coupon), [lines[i].unit_price_fen for i, _n in units])
    for (i, n), part in zip(units, parts, strict=True):
        off[i][n] = part
    return off


def _priced(line: Line, off: list[int], coupon: CouponTerms | None) -> PricedLine:
    by_platform = coupon is not None and coupon.funder == PLATFORM
    return PricedLine(
        sku_id=line.sku_id,
        quantity=line.quantity,
        unit_price_fen=line.unit_price_fen,
        list_price_fen=line.list_price_fen,
        goods_fen=line.goods_fen,
        merchant_discount_fen=0 if by_platform else sum(off),
        platform_discount_fen=sum(off) if by_platform else 0,
        shares=[{MERCHANT: 0 if by_platform else part, PLATFORM: part if by_platform else 0} for part in off],
    )


def _option(lines: Sequence[Line], coupon: CouponTerms, chosen: CouponTerms | None, best: CouponTerms | None) -> CouponOption:
    covered = _covered_fen(lines, coupon)
    return CouponOption(
        public_id=coupon.public_id,
        title=coupon.title,
        saves_fen=saving(lines, coupon),
        missing_fen=max(0, coupon.threshold_fen - covered) if covered else 0,
        is_for_these=covered > 0,
        is_chosen=coupon == chosen,
        is_best=coupon == best,
        expires_at=coupon.expires_at,
    )


def _rows(goods: int, discount: int, freight: int, terms: FreightTerms, coupon: CouponTerms | None) -> list[Row]:
    rows = [Row("goods", goods)]
    if coupon is not None:
        rows.append(Row("coupon", -discount, coupon.title, coupon.funder))
    remote = terms.remote_extra_fen if terms.is_remote else 0
    rows.append(Row("freight", freight - remote))
    if remote:
        rows.append(Row("remote", remote))
    return [*rows, Row("due", goods - discount + freight)]
