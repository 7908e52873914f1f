"""Stock moves: each is one guarded statement, and the CHECK available + held + sold = total stands behind it.

available → held when an order or deal takes units, held → sold when they are paid, held → available when they come back.
"""

from django.db import connection, transaction
from django.db.models import F, QuerySet

from accounts import access, audit
from accounts.models import User
from catalog.models import Sku
from liveshop.refusals import Code, Refused


def take_in_tx(*, sku_id: int, quantity: int) -> None:
    """available → held. Raises Refused(SOLD_OUT) when there are not enough, and takes none."""
    moved = _rows(sku_id, quantity).filter(stock_available__gte=quantity)
    if not moved.update(stock_available=F("stock_available") - quantity, stock_held=F("stock_held") + quantity):
        raise Refused(Code.SOLD_OUT)


def give_back_in_tx(*, sku_id: int, quantity: int) -> None:
    """held → available. Raises Refused(INVALID) when fewer are held: something was given back twice."""
    moved = _rows(sku_id, quantity).filter(stock_held__gte=quantity)
    if not moved.update(stock_available=F("stock_available") + quantity, stock_held=F("stock_held") - quantity):
        raise Refused(Code.INVALID, why="stock")


def sell_in_tx(*, sku_id: int, quantity: int) -> None:
    """held → sold. Raises Refused(INVALID) when fewer are held."""
    moved = _rows(sku_id, quantity).filter(stock_held__gte=quantity)
    if not moved.update(stock_sold=F("stock_sold") + quantity, stock_held=F("stock_held") - quantity):
        raise Refused(Code.INVALID, why="stock")


def adjust(*, sku: Sku, change: int, by: User) -> None:
    """Add or remove available units. Raises Refused(INVALID) when more would be removed than are available."""
    access.require(by, access.Power.STOCK, sku.product.shop)
    with transaction.atomic(durable=True):
        rows = Sku.objects.filter(pk=sku.pk, stock_available__gte=-change)
        if not rows.update(stock_available=F("stock_available") + change, stock_total=F("stock_total") + change):
            raise Refused(Code.INVALID, why=f"{change:+d}")
        audit.record_in_tx(actor=by, action="stock_adjusted", subject=f"sku:{sku.public_id}", after={"change": change})


def set_available_in_tx(*, sku_id: int, available: int) -> None:
    """Make so many units available, as a merchant's list says; what is held or sold is not touched."""
    if available < 0:
        raise ValueError("stock is not negative")
    _rows(sku_id, 1).update(stock_total=F("stock_total") - F("stock_available") + available, stock_available=available)


def count_sold() -> int:
    """Bring the products' figures of units sold up to their SKUs'; how many changed. Apart from the sales, which must not wait for each other's product."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_product p SET sold_count = s.sold"
            " FROM (SELECT product_id, sum(stock_sold) AS sold FROM catalog_sku GROUP BY product_id) s"
            " WHERE s.product_id = p.id AND p.sold_count <> s.sold"
        )
        return int(cursor.rowcount)


def _rows(sku_id: int, quantity: int) -> QuerySet[Sku]:
    if not connection.in_atomic_block:
        raise RuntimeError("stock moves need the caller's transaction")
    if quantity <= 0:
        raise ValueError("a quantity is positive")
    return Sku.objects.filter(pk=sku_id)
