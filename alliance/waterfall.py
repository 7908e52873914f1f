"""Who gets which fen of one order line. Pure: figures in, steps out, and the steps sum to zero.

The merchant pays the promoter's commission and the category fee; the platform keeps its service fee out of the
commission and pays the discounts it funds. Source: R1 of the mission's feature map.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from liveshop.money import permille_of


class Party(StrEnum):
    BUYER = "buyer"
    MERCHANT = "merchant"
    PROMOTER = "promoter"
    PLATFORM = "platform"


class Step(StrEnum):
    """What an entry is for; the value is also the ledger account's kind."""

    PURCHASE = "purchase"
    SUBSIDY = "subsidy"
    SALES = "sales_pending"
    COMMISSION = "commission_pending"
    SERVICE_FEE = "service_fee"
    CATEGORY_FEE = "category_fee"
    FREIGHT = "freight_pending"


@dataclass(frozen=True, slots=True)
class Terms:
    """The frozen terms of a line. Amounts in fen, rates in ‰; `rate_permille` is 0 where nobody earns."""

    goods_fen: int
    merchant_discount_fen: int
    platform_discount_fen: int
    rate_permille: int
    service_permille: int
    category_fee_permille: int

    @property
    def base_fen(self) -> int:
        """计佣基数: goods money the buyer really pays, freight excluded."""
        return self.goods_fen - self.merchant_discount_fen - self.platform_discount_fen


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of the waterfall: positive receives, negative gives."""

    party: Party
    step: Step
    amount_fen: int


def commission_of(terms: Terms) -> int:
    """⌊base·rate‰ + ½⌋, before the platform's service fee."""
    return permille_of(terms.base_fen, terms.rate_permille)


def service_fee_of(terms: Terms) -> int:
    """The platform's part of the commission."""
    return permille_of(commission_of(terms), terms.service_permille)


def earned(base_fen: int, *, rate_permille: int, service_permille: int) -> int:
    """What is left to the promoter of a sale of this much, before anybody buys: what she is told is what she gets."""
    terms = Terms(base_fen, 0, 0, rate_permille, service_permille, 0)
    return commission_of(terms) - service_fee_of(terms)


def waterfall(terms: Terms) -> list[Entry]:
    """All steps of one line, zero steps left out."""
    commission, fee = commission_of(terms), service_fee_of(terms)
    category_fee = permille_of(terms.base_fen, terms.category_fee_permille)
    entries = [
        Entry(Party.BUYER, Step.PURCHASE, -terms.base_fen),
        Entry(Party.PLATFORM, Step.SUBSIDY, -terms.platform_discount_fen),
        Entry(Party.MERCHANT, Step.SALES, terms.goods_fen - terms.merchant_discount_fen - commission - category_fee),
        Entry(Party.PROMOTER, Step.COMMISSION, commission - fee),
        Entry(Party.PLATFORM, Step.SERVICE_FEE, fee),
        Entry(Party.PLATFORM, Step.CATEGORY_FEE, category_fee),
    ]
    return [entry for entry in entries if entry.amount_fen]


def freight(freight_fen: int) -> list[Entry]:
    """The freight of one order goes from buyer to merchant."""
    steps = [Entry(Party.BUYER, Step.FREIGHT, -freight_fen), Entry(Party.MERCHANT, Step.FREIGHT, freight_fen)]
    return [entry for entry in steps if entry.amount_fen]


def total(entries: Iterable[Entry], party: Party) -> int:
    """What one party gains (or gives, negative) over all entries, in fen."""
    return sum(entry.amount_fen for entry in entries if entry.party == party)
