"""What is wrong with the rows of an import, and what they would change; nothing is written here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from catalog import prices, sheets, words
from catalog.models import Belt, Category, Named, Product, ProductSource, Shop, Sku
from catalog.products import LARGEST_PRICE_FEN, Texts
from catalog.sheets import Row

PROBLEMS = {
    "missing": gettext_noop("This cell is empty"),
    "long": gettext_noop("This text is too long"),
    "price": gettext_noop("This is not a price"),
    "stock": gettext_noop("This is not a number of units"),
    "category": gettext_noop("We have no such category"),
    "belt": gettext_noop("We have no such belt"),
    "source": gettext_noop("Write origin or brand"),
    "state": gettext_noop("Write draft, on or off"),
    "word": gettext_noop("The law forbids this word in advertising"),
    "twice": gettext_noop("The file has this variant twice"),
    "struck": gettext_noop("Never asked, so it may not be struck through"),
    "refused": gettext_noop("This row was refused"),
}
COLUMN_NAMES = {
    "code": gettext_noop("Code"),
    "title": gettext_noop("Title"),
    "variant": gettext_noop("Variant"),
    "price": gettext_noop("Price"),
    "stock": gettext_noop("Stock"),
    "stock_was": gettext_noop("Stock at the export"),
    "list_price": gettext_noop("Struck price"),
    "category": gettext_noop("Category"),
    "belt": gettext_noop("Industrial belt"),
    "brief": gettext_noop("In one line"),
    "description": gettext_noop("Details"),
    "source": gettext_noop("Goods come"),
    "state": gettext_noop("State"),
}
LONGEST = {"code": 40, "title": 80, "variant": 40, "brief": 160, "description": 4000}


@dataclass(frozen=True, slots=True)
class Good:
    """A product as its rows say it; `lines` are (row number in the file, row)."""

    code: str
    lines: list[tuple[int, Row]]


@dataclass(frozen=True, slots=True)
class StockMove:
    """A known variant whose units on sale the file would change."""

    name: str
    before: int
    after: int


def message(problem: str) -> str:
    """A problem in the reader's language."""
    return _(PROBLEMS.get(problem, PROBLEMS["refused"]))


def column_name(column: str) -> str:
    """A column in the reader's language."""
    return _(COLUMN_NAMES.get(column, column))


@dataclass(frozen=True, slots=True)
class Trouble:
    """Rows with the same problem; `known` names what could stand there, for a category or belt that is not known."""

    rows: list[int]
    column: str
    value: str
    message: str
    known: list[str]


def gathered(errors: list[dict[str, Any]]) -> list[Trouble]:
    """The errors as a person reads them: once for each column, value and problem, in the order of their first row."""
    rows: dict[tuple[str, str, str], list[int]] = {}
    for one in errors:
        rows.setdefault((one["column"], one["value"], one["problem"]), []).append(one["row"])
    offered: dict[str, list[str]] = {}
    told = []
    for (column, value, problem), numbers in rows.items():
        known = [] if problem in offered else _offered(problem)  # said once
        offered[problem] = known
        told.append(Trouble(numbers, column_name(column), value, message(problem), known))
    return told


def _offered(problem: str) -> list[str]:
    offered: dict[str, Iterable[Named]] = {"category": Category.objects.all(), "belt": Belt.objects.all()}
    return [one.label for one in offered.get(problem, [])]


class Checker:
    """Finds what is wrong with rows, against categories, belts and the goods that are known, read once."""

    def __init__(self, shop: Shop, goods: list[Good]) -> None:
        self.categories = {name: one for one in Category.objects.all() for name in (one.slug, one.name_en, one.name) if name}
        self.belts = {name: one for one in Belt.objects.all() for name in (one.slug, one.name_en, one.name) if name}
        codes = [good.code for good in goods if good.code]
        coded = Q(merchant_code__in=codes) | Q(merchant_code="", public_id__in=codes)
        found = Product.objects.filter(coded, shop=shop).select_related("shop", "belt").prefetch_related("skus")
        self.known = {product.merchant_code or product.public_id: product for product in found}
        self.asked = prices.asked_of([sku for product in self.known.values() for sku in product.skus.all()])

    def errors(self, good: Good) -> list[dict[str, Any]]:
        """All problems of a product's rows: [{"row", "column", "problem", "value"}]."""
        found = [problem for number, row in good.lines for problem in self._row_errors(number, row)]
        variants = {sku.name: sku for sku in self.known[good.code].skus.all()} if good.code in self.known else {}
        found += [error(number, "stock", "missing", "") for number, row in good.lines if not row.stock and row.variant not in variants]
        found += [
            error(number, "list_price", "struck", row.list_price or "")
            for number, row in good.lines
            if not self._may_be_struck(variants.get(row.variant), row)
        ]
        names: set[str] = set()
        for number, row in good.lines:
            if row.variant in names:
                found.append(error(number, "variant", "twice", row.variant))
            names.add(row.variant)
        return found

    def _may_be_struck(self, sku: Sku | None, row: Row) -> bool:
        """No struck price, one that cannot be read (told elsewhere), the present one, or one that was really asked."""
        struck, price = sheets.fen_of(row.list_price or ""), sheets.fen_of(row.price) or (sku.price_fen if sku else 0)
        is_kept = sku is not None and (price, struck) == (sku.price_fen, sku.list_price_fen)
        return not struck or is_kept or prices.is_real(self.asked[sku.pk] if sku else set(), list_price_fen=struck, price_fen=price)

    def _row_errors(self, number: int, row: Row) -> list[dict[str, Any]]:
        wrong = [(column, "missing") for column in sheets.REQUIRED if not getattr(row, column)]
        wrong += [(column, "long") for column, most in LONGEST.items() if len(getattr(row, column) or "") > most]
        price = sheets.fen_of(row.price)
        checks = [
            ("price", "price", bool(row.price) and not (price and price <= LARGEST_PRICE_FEN)),
            ("stock", "stock", bool(row.stock) and sheets.count_of(row.stock) is None),
            ("list_price", "price", bool(row.list_price) and sheets.fen_of(row.list_price or "") is None),
            ("category", "category", bool(row.category) and row.category not in self.categories),
            ("belt", "belt", bool(row.belt) and row.belt not in self.belts),
            ("source", "source", (row.source or "") not in sheets.SOURCES),
            ("state", "state", (row.state or "") not in sheets.STATES),
        ]
        wrong += [(column, problem) for column, problem, is_wrong in checks if is_wrong]
        errors = [error(number, column, problem, getattr(row, column) or "") for column, problem in wrong]
        for column in ("title", "brief", "description"):
            word = words.banned_in(getattr(row, column) or "")
            if word:
                errors.append(error(number, column, "word", word))
        return errors

    def texts(self, good: Good) -> Texts:
        """What the first row says; what the file has no column for stays as it is."""
        row, now_known = good.lines[0][1], self.known.get(good.code)
        belt = self.belts.get(row.belt) if row.belt is not None else (now_known.belt if now_known else None)
        source = sheets.SOURCES[row.source or ""] if row.source is not None or now_known is None else ProductSource(now_known.source)
        return Texts(
            title=row.title,
            category=self.categories[row.category],
            brief=_kept(row.brief, now_known.brief if now_known else ""),
            description=_kept(row.description, now_known.description if now_known else ""),
            belt=belt,
            source=source,
            merchant_code=now_known.merchant_code if now_known else good.code,
        )

    def emptied(self, known: list[Good]) -> dict[str, int]:
        """How many products would lose a text, by column."""
        counts = dict.fromkeys(("brief", "description", "belt", "list_price"), 0)
        for good in known:
            product, row = self.known[good.code], good.lines[0][1]
            for column in ("brief", "description", "belt"):
                counts[column] += getattr(row, column) == "" and bool(getattr(product, column))
            struck = {sku.name for sku in product.skus.all() if sku.list_price_fen}
            counts["list_price"] += any(line.list_price == "" and line.variant in struck for _n, line in good.lines)
        return {column: count for column, count in counts.items() if count}

    def stock_moves(self, known: list[Good]) -> list[StockMove]:
        """Variants whose stock the file sets to another number than there is."""
        moves = []
        for good in known:
            skus = {sku.name: sku for sku in self.known[good.code].skus.all()}
            for _number, row in good.lines:
                after, sku = sheets.count_of(row.stock), skus.get(row.variant)
                if sku and row.sets_stock and after is not None and after != sku.stock_available:
                    moves.append(StockMove(f"{row.title} {row.variant}".strip(), sku.stock_available, after))
        return moves


def error(row: int, column: str, problem: str, value: str) -> dict[str, Any]:
    return {"row": row, "column": column, "problem": problem, "value": value[:80]}


def _kept(told: str | None, before: str) -> str:
    return before if told is None else told
