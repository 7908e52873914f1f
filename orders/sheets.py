"""What a checkout shows: the goods and their choices, the receiver, the coupons, the price line by line, or why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import addresses
from accounts.models import Address, User
from campaigns import offers
from campaigns.pricing import CouponOption, PriceSheet, Row
from catalog.models import Sku
from liveshop.refusals import Explanation, Refused, explain
from orders import checkout
from orders.models import Order
from orders.wishes import Wish


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything the checkout page draws; `sheet` is None when it cannot be bought, and `objection` says why."""

    skus: Sequence[Sku]
    addresses: Sequence[Address]
    needs_address: bool
    sheet: PriceSheet | None
    rows: Sequence["BillRow"]
    objection: Explanation | None = None

    @property
    def coupons(self) -> list[CouponOption]:
        """The coupons at hand that are for these goods, those that save most first."""
        options = self.sheet.options if self.sheet else []
        return sorted((option for option in options if option.is_for_these), key=lambda option: (-option.saves_fen, option.missing_fen))

    @property
    def chosen(self) -> CouponOption | None:
        return next((option for option in self.coupons if option.is_chosen), None)


@dataclass(frozen=True, slots=True)
class BillRow:
    """One line of a price as the buyer reads it."""

    kind: str
    label: str
    amount_fen: int
    hint: str = ""


def of(buyer: User, wish: Wish, *, device: str = "") -> Shown:
    """The checkout of this wish as it is now; nothing is taken yet."""
    known = list(addresses.of(buyer))
    needs_address = wish.address is None
    skus = [] if wish.claim else list(wish.product.skus.all())
    try:
        purchase = checkout.prepare(buyer=buyer, items=wish.items, claim=wish.claim, room=wish.room, device=device)
        province = wish.address.province if wish.address else ""
        sheet = offers.quote(user=buyer, items=purchase.items, grant_id=wish.grant, province=province, claim=wish.claim, room=purchase.room)
    except Refused as refused:
        return Shown(skus, known, needs_address, None, [], objection=explain(refused))
    return Shown(skus, known, needs_address, sheet, rows_of(sheet.to_json()))


def rows_of(sheet: dict[str, Any], order: Order | None = None) -> list[BillRow]:
    """The price line by line, from a fresh sheet or from the one an order keeps."""
    rows = [Row(row["kind"], row["amount_fen"], row["title"], row["funder"]) for row in sheet["rows"]]
    return [_bill_row(row, is_paid=order is not None and order.paid_at is not None) for row in rows]


def _bill_row(row: Row, *, is_paid: bool) -> BillRow:
    if row.kind == "due" and is_paid:
        return BillRow(row.kind, _("Paid"), row.amount_fen)
    label = _("Goods money") if row.kind == "goods" else row.label
    return BillRow(row.kind, label, row.amount_fen, _("free") if row.kind == "freight" and not row.amount_fen else "")


def address_of(wish: Wish) -> str:
    """The address of this checkout, without the receiver: where the address form comes back to."""
    asked = {
        "sku": "" if wish.claim else wish.sku.public_id,
        "qty": "" if wish.claim else str(wish.quantity),
        "item": wish.shelf_item.public_id if wish.shelf_item else "",
        "claim": wish.claim.public_id if wish.claim else "",
        "room": wish.room.slug if wish.room and not wish.claim else "",
        "coupon": "" if wish.grant == "best" else wish.grant or "none",
        "key": str(wish.key),
    }
    return f"{reverse('checkout')}?{urlencode({name: value for name, value in asked.items() if value})}"
