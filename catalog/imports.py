"""Importing a merchant's CSV: a dry run first, then in chunks by a job. A file imported twice changes nothing the second time.

Products are known by the merchant's code, SKUs by their name within the product. A wrong row is told by row and column
and stops only its own product.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import access
from accounts.models import User
from catalog import import_checks, products, sheets, stock
from catalog.import_checks import Checker, Good, StockMove
from catalog.models import ImportJob, Product, ProductState, Shop, Sku
from catalog.products import Variant
from catalog.sheets import Row
from liveshop.clock import now
from liveshop.refusals import Code, Refused

TASK = "catalog.import_goods"
CHUNK = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do: products made, changed and left out for their errors. `emptied`: texts of known products that the file has a column for and leaves empty, by column."""

    new: int
    known: int
    left_out: int
    errors: list[dict[str, Any]]
    first: list[Row]
    emptied: dict[str, int]
    stock: list[StockMove]


def start(*, shop: Shop, by: User, raw: bytes, file_name: str) -> ImportJob:
    """Keep the file for its dry run; nothing is imported yet. Raises Refused(INVALID) for a file that cannot be read."""
    access.require(by, access.Power.MANAGE_SHOP, shop)
    text = sheets.decode(raw)
    rows = sheets.read(text)
    if not rows:
        raise Refused(Code.INVALID, why=_("The file has no rows"))
    return ImportJob.objects.create(shop=shop, by=by, content=text, rows_total=len(rows), file_name=file_name[-120:])


def preview(job: ImportJob) -> Preview:
    """Check every row without writing anything."""
    goods = _goods(job)
    checker = Checker(job.shop, goods)
    wrong = [checker.errors(good) for good in goods]
    errors = [error for found in wrong for error in found]
    right = [good for good, found in zip(goods, wrong, strict=True) if not found]
    known = [good for good in right if good.code in checker.known]
    first = [row for good in goods[:6] for _number, row in good.lines][:8]
    return Preview(
        new=len(right) - len(known),
        known=len(known),
        left_out=len(goods) - len(right),
        errors=errors,
        first=first,
        emptied=checker.emptied(known),
        stock=checker.stock_moves(known),
    )


def begin(*, job: ImportJob, by: User) -> bool:
    """Mark the import as started; False when it is under way already or done. One that stopped may go on."""
    access.require(by, access.Power.MANAGE_SHOP, job.shop)
    return bool(ImportJob.objects.filter(pk=job.pk, started_at=None).update(started_at=now())) or is_stopped(job)


def is_stopped(job: ImportJob) -> bool:
    """Whether it was started, is not done, and nobody is going to work at it: the job behind it failed too often or was lost."""
    if job.started_at is None or job.finished_at is not None:
        return False
    behind = ProcrastinateJob.objects.filter(task_name=TASK, args__job_id=job.public_id, status__in=["todo", "doing"])
    return not behind.exists() and ImportJob.objects.filter(pk=job.pk, finished_at=None).exists()  # it may just have been done


def run(job: ImportJob) -> None:
    """Import what is left, chunk by chunk: each chunk and its progress are one transaction, so a killed job goes on where it was."""
    goods = iter(_goods(job))
    skipped = 0
    while skipped < job.rows_done and (good := next(goods, None)):
        skipped += len(good.lines)
    while chunk := list(islice(goods, CHUNK)):
        if not _import_chunk(job, chunk, skipped):
            return  # another worker is at it
        skipped += sum(len(good.lines) for good in chunk)
    ImportJob.objects.filter(pk=job.pk, finished_at=None).update(finished_at=now())


def _import_chunk(job: ImportJob, chunk: list[Good], rows_before: int) -> bool:
    """Import these goods and note the progress together; False when the job has got past them without us."""
    checker = Checker(job.shop, chunk)
    errors: list[dict[str, Any]] = []
    created = updated = 0
    with transaction.atomic(durable=True):
        locked = ImportJob.objects.select_for_update().get(pk=job.pk)
        if locked.rows_done != rows_before:
            return False
        for good in chunk:
            wrong = checker.errors(good)
            try:
                with transaction.atomic():
                    is_new = None if wrong else _write(job, checker, good)
            except Refused:
                number, row = good.lines[0]
                wrong = [import_checks.error(number, "title", "refused", row.title)]
                is_new = None
            errors += wrong
            created += is_new is True
            updated += is_new is False
        ImportJob.objects.filter(pk=job.pk).update(
            rows_done=F("rows_done") + sum(len(good.lines) for good in chunk),
            created_count=F("created_count") + created,
            updated_count=F("updated_count") + updated,
            errors=[*locked.errors, *errors],
        )
    return True


def _write(job: ImportJob, checker: Checker, good: Good) -> bool:
    """Create or update one product; whether it is new."""
    texts, product = checker.texts(good), checker.known.get(good.code)
    is_new = product is None
    if product is None:
        product = products.create_in_tx(shop=job.shop, by=job.by, texts=texts, variants=[_variant(row) for _n, row in good.lines])
    else:
        products.edit_in_tx(product=product, texts=texts)
    known = {sku.name: sku for sku in product.skus.all()}
    for _number, row in good.lines:
        sku = known.get(row.variant) or products.add_sku_in_tx(product=product, by=job.by, variant=_variant(row))
        _write_sku(sku, row, job.by)
    state = sheets.STATES[good.lines[0][1].state or ""]
    if state is not None or is_new:
        Product.objects.filter(pk=product.pk).update(state=ProductState.ON_SALE if state is None else state)
    return is_new


def _write_sku(sku: Sku, row: Row, by: User) -> None:
    price_fen = sheets.fen_of(row.price)
    list_price_fen = sku.list_price_fen if row.list_price is None else sheets.fen_of(row.list_price) if row.list_price else None
    if row.list_price is None and price_fen and list_price_fen and list_price_fen <= price_fen:
        list_price_fen = None  # as in the desk: a price above the struck one ends the striking
    if price_fen is not None and (sku.price_fen, sku.list_price_fen) != (price_fen, list_price_fen):
        products.set_price_in_tx(sku=sku, by=by, price_fen=price_fen, list_price_fen=list_price_fen)
    available = sheets.count_of(row.stock) if row.sets_stock else None
    if available is not None and available != sku.stock_available:
        stock.set_available_in_tx(sku_id=sku.pk, available=available)


def _variant(row: Row) -> Variant:
    return Variant(name=row.variant, price_fen=sheets.fen_of(row.price) or 0, stock=sheets.count_of(row.stock) or 0)


def _goods(job: ImportJob) -> list[Good]:
    """The rows gathered by code in the file's order; numbers are those a spreadsheet shows. Rows without a code stand alone."""
    goods: dict[str, Good] = {}
    for number, row in enumerate(sheets.read(job.content), 2):
        good = goods.setdefault(row.code or f"\x00{number}", Good(row.code, []))
        good.lines.append((number, row))
    return list(goods.values())
