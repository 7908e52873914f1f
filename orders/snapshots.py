"""What an order keeps for ever: the receiver, the lines with their prices, each unit's share of the discounts."""

from collections.abc import Sequence

from accounts import phones
from accounts.models import Address
from campaigns.pricing import PriceSheet
from catalog.models import Sku
from orders.models import Order, OrderLine
from rooms.models import ShelfItem

ADDRESS_FIELDS = ("name", "phone", "province", "city", "district", "detail")


def of_address(address: Address) -> dict[str, str]:
    """The receiver as it was when the order was placed."""
    return {name: getattr(address, name) for name in ADDRESS_FIELDS}


def of_receiver(address: dict[str, str]) -> dict[str, str]:
    """What the buyer sees on the order's page, which may be open on a street: all but the middle of the number."""
    return address | {"phone": phones.mask(address.get("phone", ""))}


def masked(address: dict[str, str]) -> dict[str, str]:
    """What anyone but the buyer and the parcel may see: 林**, 138****0000, no house."""
    name = address.get("name", "")
    return {
        "name": name[:1] + "*" * max(len(name) - 1, 1),
        "phone": phones.mask(address.get("phone", "")),
        "province": address.get("province", ""),
        "city": address.get("city", ""),
        "district": address.get("district", ""),
        "detail": "****",
    }


def write_lines(order: Order, items: Sequence[tuple[Sku, int, ShelfItem | None]], sheet: PriceSheet) -> list[OrderLine]:
    """One row per line of the sheet, in its order."""
    rows = []
    for (sku, quantity, shelf_item), priced in zip(items, sheet.lines, strict=True):
        cover = sku.product.pictures.first()
        rows.append(
            OrderLine(
                order=order,
                sku=sku,
                shelf_item=shelf_item,
                title=sku.product.title,
                sku_name=sku.name,
                picture=cover.path if cover else "",
                quantity=quantity,
                unit_price_fen=priced.unit_price_fen,
                goods_fen=priced.goods_fen,
                discount_fen=priced.discount_fen,
                merchant_discount_fen=priced.merchant_discount_fen,
                platform_discount_fen=priced.platform_discount_fen,
                shares=priced.shares,
            )
        )
    return OrderLine.objects.bulk_create(rows)
