"""What a checkout request asks for, read from its parameters: the same ones for a first look, a recomputation and the order itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.utils.translation import gettext as _

from accounts import addresses
from accounts.models import Address, User
from campaigns.models import Claim
from catalog import products
from catalog.models import Product, Sku
from liveshop.refusals import Code, Refused
from orders.checkout import MAX_QUANTITY, Item
from rooms.models import Room, ShelfItem

BEST = "best"
NEW_ADDRESS = "new"


@dataclass(frozen=True, slots=True)
class Wish:
    """One product of one shop in some quantity, or one claimed unit, to one address, with one way to use coupons."""

    product: Product
    sku: Sku
    quantity: int
    shelf_item: ShelfItem | None
    claim: Claim | None
    room: Room | None
    address: Address | None
    wants_new_address: bool
    grant: str
    note: str
    key: UUID = field(default_factory=uuid4)

    @property
    def items(self) -> list[Item]:
        return [(self.sku, self.quantity, self.shelf_item)]


def read(user: User, asked: Mapping[str, str]) -> Wish:
    """Raises Refused(NOT_FOUND) for things that are not there or not this person's, INVALID for nonsense."""
    claim = _claim(user, asked.get("claim", ""))
    shelf_item = None if claim else _shelf_item(asked.get("item", ""))
    sku = claim.deal.sku if claim else _sku(asked.get("sku", ""), shelf_item)
    if claim is None and shelf_item is None:
        shelf_item = _on_shelf_of(asked.get("room", ""), sku.product)
    wants_new = asked.get("address") == NEW_ADDRESS
    return Wish(
        product=sku.product,
        sku=sku,
        quantity=1 if claim else _quantity(asked.get("qty", "1")),
        shelf_item=shelf_item,
        claim=claim,
        room=claim.deal.room if claim else shelf_item.room if shelf_item else None,
        address=None if wants_new else _address(user, asked.get("address", "")),
        wants_new_address=wants_new,
        grant=_grant(asked.get("coupon", BEST)),
        note=asked.get("note", ""),
        key=_key(asked.get("key", "")),
    )


def _claim(user: User, public_id: str) -> Claim | None:
    if not public_id:
        return None
    found = Claim.objects.select_related("deal__sku__product__shop", "deal__room__anchor").filter(public_id=public_id, user=user).first()
    if found is None:
        raise Refused(Code.NOT_FOUND)
    return found


def _shelf_item(public_id: str) -> ShelfItem | None:
    if not public_id:
        return None
    found = ShelfItem.objects.select_related("room__anchor", "product").filter(public_id=public_id).first()
    if found is None:
        raise Refused(Code.NOT_FOUND)
    return found


def _sku(public_id: str, shelf_item: ShelfItem | None) -> Sku:
    """The chosen SKU, else the first of the shelf item's that can be had."""
    known = Sku.objects.select_related("product__shop", "product__category")
    if public_id:
        found = known.filter(public_id=public_id).first()
    elif shelf_item is not None:
        found = products.shown_sku(list(known.filter(product=shelf_item.product)))
    else:
        found = None
    if found is None:
        raise Refused(Code.NOT_FOUND)
    return found


def _quantity(text: str) -> int:
    if not text.isdecimal() or len(text) > 3 or not 1 <= int(text) <= MAX_QUANTITY:
        raise Refused(Code.INVALID, why=_("Choose between 1 and %(most)s pieces") % {"most": MAX_QUANTITY})
    return int(text)


def _on_shelf_of(slug: str, product: Product) -> ShelfItem | None:
    """The product on that room's shelf; only then is it bought from the room."""
    items = ShelfItem.objects.select_related("room__anchor", "product")
    return items.filter(room__slug=slug, product=product, is_listed=True).first() if slug else None


def _grant(choice: str) -> str:
    """ "best", "" for none, or a grant's public id; "none" stands for "" in an address."""
    return "" if choice == "none" else choice


def _address(user: User, public_id: str) -> Address | None:
    return addresses.find(user, public_id) if public_id else addresses.default_of(user)


def _key(text: str) -> UUID:
    try:
        return UUID(text) if text else uuid4()
    except ValueError:
        raise Refused(Code.INVALID) from None
