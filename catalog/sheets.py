"""A merchant's CSV: reading what Excel and other programs write, and writing what they can open without harm."""

import csv
import io
import unicodedata
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from catalog.models import Product, ProductSource, ProductState, Shop
from liveshop.refusals import Code, Refused

LARGEST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 5000
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "'")
ALIASES = {
    "code": "code merchant_code 商家编码 商品编码 编码 货号 id product_id",
    "title": "title name 标题 商品名称 商品标题 名称",
    "variant": "variant sku specs 规格 款式",
    "price": "price retail_price 售价 价格 单价",
    "stock": "stock 库存 数量",
    "stock_was": "stock_was 导出时库存",
    "list_price": "list_price 划线价 原价",
    "category": "category category_l2 类目 分类",
    "belt": "belt 产业带",
    "brief": "brief 简介 卖点",
    "description": "description 详情 描述",
    "source": "source 货源",
    "state": "state 状态",
}
COLUMN_OF = {alias: column for column, aliases in ALIASES.items() for alias in aliases.split()}
REQUIRED = ("code", "title", "price", "category")
SOURCES = {"": ProductSource.ORIGIN, "origin": ProductSource.ORIGIN, "源头": ProductSource.ORIGIN, "源头好货": ProductSource.ORIGIN}
SOURCES |= {"brand": ProductSource.BRAND, "品牌": ProductSource.BRAND, "品牌好货": ProductSource.BRAND}
STATES = {"": None, "draft": ProductState.DRAFT, "草稿": ProductState.DRAFT, "on": ProductState.ON_SALE, "在售": ProductState.ON_SALE}
STATES |= {"off": ProductState.OFF_SHELF, "下架": ProductState.OFF_SHELF, "已下架": ProductState.OFF_SHELF}
SOURCE_NAMES = {ProductSource.ORIGIN: "origin", ProductSource.BRAND: "brand"}
STATE_NAMES = {ProductState.DRAFT: "draft", ProductState.ON_SALE: "on", ProductState.OFF_SHELF: "off"}


@dataclass(frozen=True, slots=True)
class Row:
    """One SKU as the file says it, all texts; rows of the same code are one product. None: the file has no such column."""

    code: str = ""
    title: str = ""
    variant: str = ""
    price: str = ""
    stock: str = ""
    stock_was: str | None = None
    list_price: str | None = None
    category: str = ""
    belt: str | None = None
    brief: str | None = None
    description: str | None = None
    source: str | None = None
    state: str | None = None

    @property
    def sets_stock(self) -> bool:
        """Whether the merchant wrote a stock: not what the export wrote there, for units were sold since."""
        return bool(self.stock) and self.stock != self.stock_was


COLUMNS = tuple(field.name for field in fields(Row))


def too_large() -> Refused:
    """The refusal of a file over `LARGEST_BYTES`."""
    return Refused(Code.INVALID, why="> 5 MB")


def decode(raw: bytes) -> str:
    """UTF-8 with or without a mark, UTF-16 with one, else GB18030, as a Chinese Excel saves. Raises Refused(INVALID)."""
    if len(raw) > LARGEST_BYTES:
        raise too_large()
    names = ["utf-16"] if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "gb18030"]
    for name in names:
        try:
            return raw.decode(name).replace("\x00", "")
        except UnicodeDecodeError:
            continue
    raise Refused(Code.INVALID, why="UTF-8 / GB18030")


def read(text: str) -> list[Row]:
    """The rows of a file by its header, in any column order. Raises Refused(INVALID) naming the missing columns."""
    lines = text.lstrip("\ufeff")
    if lines[:4].lower() == "sep=":
        lines = lines.partition("\n")[2]
    head = lines.partition("\n")[0]
    delimiter = max(",\t;", key=head.count)
    table = _table(lines, delimiter)
    header = [_column(cell) for cell in table[0]] if table else []
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise Refused(Code.INVALID, why=", ".join(missing))
    if len(table) - 1 > MOST_ROWS:
        raise Refused(Code.INVALID, why=f"> {MOST_ROWS}")
    return [_row(header, cells) for cells in table[1:]]


def _table(lines: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)
    try:
        return [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:  # most often a quote that nobody closed
        raise Refused(Code.INVALID, why=_("Line %(line)s: %(error)s") % {"line": reader.line_num, "error": error}) from error


def write(rows: Iterable[Row]) -> str:
    """The rows as CSV with a byte order mark, so that Excel reads Chinese; no cell can become a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([harmless(cell or "") for cell in astuple(row)] for row in rows)
    return "\ufeff" + out.getvalue()


def rows_of(shop: Shop) -> Iterable[Row]:
    """All goods of a shop, a row for each SKU, in the form that can be read back."""
    goods = Product.objects.filter(shop=shop).select_related("category", "belt").prefetch_related("skus").order_by("id")
    for product in goods.iterator(chunk_size=200):
        for sku in product.skus.all():
            yield Row(
                code=product.merchant_code or product.public_id,
                title=product.title,
                variant=sku.name,
                price=f"{sku.price_fen / 100:.2f}",
                stock=str(sku.stock_available),
                stock_was=str(sku.stock_available),
                list_price=f"{sku.list_price_fen / 100:.2f}" if sku.list_price_fen else "",
                category=product.category.name,
                belt=product.belt.name if product.belt else "",
                brief=product.brief,
                description=product.description,
                source=SOURCE_NAMES[ProductSource(product.source)],
                state=STATE_NAMES[ProductState(product.state)],
            )


def harmless(cell: str) -> str:
    """A cell that a spreadsheet shows instead of running; `read` takes the quote off again."""
    return "'" + cell if cell.startswith(DANGEROUS) else cell


def fen_of(cell: str) -> int | None:
    """`¥1,299.00`, `39.9元`, `３９` → fen; None for what is not an amount of whole fen."""
    plain = unicodedata.normalize("NFKC", cell).strip().strip("¥￥元").replace(",", "").strip()
    if len(plain) > 12 or "e" in plain.casefold():  # an exponent is a spreadsheet's accident, and could be a number of gigabytes
        return None
    try:
        amount = Decimal(plain) * 100
        return int(amount) if amount == int(amount) and amount >= 0 else None
    except (InvalidOperation, ValueError, OverflowError):
        return None


def count_of(cell: str) -> int | None:
    """`120`, `1,200`, `120.0` → units; None for what is not a count."""
    plain = unicodedata.normalize("NFKC", cell).strip().replace(",", "").removesuffix(".0").removesuffix(".00")
    return int(plain) if plain.isdecimal() and len(plain) <= 7 else None


def _column(cell: str) -> str:
    name = unicodedata.normalize("NFKC", cell).strip().strip("*").casefold().replace(" ", "_")
    return COLUMN_OF.get(name, "")


def _row(header: list[str], cells: list[str]) -> Row:
    return Row(**{column: _bare(cell) for column, cell in zip(header, cells, strict=False) if column})


def _bare(cell: str) -> str:
    if cell.startswith("'") and cell[1:].startswith(DANGEROUS):
        return cell[1:]
    if cell.startswith('="') and cell.endswith('"'):  # Excel's way to keep the zeros of "00123"
        return cell[2:-1]
    return cell.strip()
