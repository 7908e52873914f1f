"""Placing an order: everything a buyer asked for is taken in one transaction, or nothing is.

Locks are taken in the site's order: claim (with its deal) → coupon grant → SKUs → the new order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from accounts import access
from accounts.access import Power
from accounts.models import Address, User
from campaigns import coupons, holds, offers
from campaigns.models import Claim
from catalog import stock
from catalog.models import ProductState, Shop, Sku
from liveshop import wiring
from liveshop.clock import now
from liveshop.ids import public_id
from liveshop.money import format_fen
from liveshop.refusals import Code, Refused
from orders import persons, snapshots
from orders.models import Order, OrderState
from rooms.models import Room, ShelfItem, Show, ShowState

# Unpaid orders hold stock, so one person may have only so many at a time.
MAX_UNPAID = 10
MAX_QUANTITY = 99
MAX_GOODS_FEN = 2_000_000_000
REFERRAL_LENGTH = 160  # ten clicks and more: as many as a visitor's cookie remembers

Item = tuple[Sku, int, ShelfItem | None]


@dataclass(frozen=True, slots=True)
class Purchase:
    """What somebody is about to buy, checked for sense but not yet taken."""

    items: Sequence[Item]
    claim: Claim | None
    room: Room | None
    shop: Shop


def prepare(*, buyer: User, items: Sequence[Item], claim: Claim | None, room: Room | None, device: str = "") -> Purchase:
    """Whether this person may buy these things here at all. Raises Refused."""
    if claim is not None:
        items, room = [(claim.deal.sku, 1, _shelf_item_of(claim))], claim.deal.room
    elif any(item is not None for _sku, _quantity, item in items):
        room = next(item.room for _sku, _quantity, item in items if item is not None)
    if not items or any(not 1 <= quantity <= MAX_QUANTITY for _sku, quantity, _item in items):
        raise Refused(Code.INVALID, why=_("Choose between 1 and %(most)s pieces") % {"most": MAX_QUANTITY})
    shop = items[0][0].product.shop
    if claim is None:
        _require_on_sale(items, room, shop)
    access.require(buyer, Power.BUY, shop, device=device)
    if room is not None:
        access.require(buyer, Power.BUY, room, device=device)
    if claim is not None and claim.deal.room.anchor_id == buyer.pk:
        raise Refused(Code.FORBIDDEN, why=_("Deals in your room are for your viewers"))
    return Purchase(items, claim, room, shop)


def _shelf_item_of(claim: Claim) -> ShelfItem | None:
    return ShelfItem.objects.filter(room=claim.deal.room, product=claim.deal.sku.product).first()


def _require_on_sale(items: Sequence[Item], room: Room | None, shop: Shop) -> None:
    for sku, _quantity, item in items:
        product = sku.product
        if product.shop_id != shop.pk:
            raise Refused(Code.INVALID, why=_("One order is one shop's goods"))
        if product.state != ProductState.ON_SALE or not product.shop.is_open:
            raise Refused(Code.ENDED)
        if item is not None and (item.product_id != product.pk or room is None or item.room_id != room.pk):
            raise Refused(Code.INVALID, why=_("This is not on the shelf of this room"))
        if item is not None and not item.is_listed:
            raise Refused(Code.ENDED)


def place(
    *,
    buyer: User,
    key: UUID,
    items: Sequence[Item],
    claim: Claim | None = None,
    address: Address,
    grant_id: str,
    accepted_due_fen: int,
    room: Room | None,
    referral: str = "",
    note: str = "",
    device: str = "",
) -> Order:
    """One order out of what the buyer saw and accepted; the same key again returns the first order.

    Raises Refused: PRICE_CHANGED when the amount due is not the accepted one any more, SOLD_OUT, HOLD_EXPIRED,
    ALREADY_CLAIMED (with the order), ENDED, LIMIT_PER_USER, NOT_ELIGIBLE, INVALID and what `access` refuses.
    """
    placed = _placed_before(buyer, key)
    if placed is not None:
        return placed
    try:
        purchase = prepare(buyer=buyer, items=items, claim=claim, room=room, device=device)
        with transaction.atomic(durable=True):
            return _place_in_tx(purchase, buyer, key, address, grant_id, accepted_due_fen, referral, note)
    except (IntegrityError, Refused):
        # The other half of a double tap may have won in the meantime: then its order is the answer, not a refusal.
        placed = _placed_before(buyer, key)
        if placed is None:
            raise
        return placed


def _placed_before(buyer: User, key: UUID) -> Order | None:
    return Order.objects.filter(buyer=buyer, key=key).first()


def _place_in_tx(
    purchase: Purchase, buyer: User, key: UUID, address: Address, grant_id: str, accepted_due_fen: int, referral: str, note: str
) -> Order:
    if address.user_id != buyer.pk:
        raise Refused(Code.NOT_FOUND)
    order_id, moment = public_id(), now()
    if purchase.claim is None:
        _require_few_unpaid_in_tx(buyer, moment)
    claim = _claim_in_tx(purchase, buyer, address)
    sheet = offers.quote(user=buyer, items=purchase.items, grant_id=grant_id, province=address.province, claim=claim, room=purchase.room)
    if sheet.goods_fen > MAX_GOODS_FEN:
        raise Refused(Code.INVALID, why=_("That is too much for one order: buy it in parts"))
    if sheet.due_fen != accepted_due_fen:
        raise Refused(Code.PRICE_CHANGED, old=format_fen(accepted_due_fen), new=format_fen(sheet.due_fen), due_fen=sheet.due_fen)
    if sheet.grant_ids:
        coupons.lock_in_tx(grant_ids=sheet.grant_ids, order_ref=order_id, user=buyer)
    if claim is None:
        _take_stock_in_tx(purchase.items)
    order = Order.objects.create(
        public_id=order_id,
        buyer=buyer,
        key=key,
        shop=purchase.shop,
        room=purchase.room,
        show=_show_of(purchase),
        claim=claim,
        referral=_fit(referral),
        goods_fen=sheet.goods_fen,
        discount_fen=sheet.discount_fen,
        freight_fen=sheet.freight_fen,
        due_fen=sheet.due_fen,
        price_sheet=sheet.to_json(),
        address=snapshots.of_address(address),
        placed_at=moment,
        expires_at=claim.expires_at if claim else moment + timedelta(minutes=settings.ORDER_PAY_MINUTES),
        note=note.strip()[:120],
    )
    snapshots.write_lines(order, purchase.items, sheet)
    for hook in wiring.order_hooks("placed"):
        hook(order)
    return order


def _claim_in_tx(purchase: Purchase, buyer: User, address: Address) -> Claim | None:
    if purchase.claim is None:
        return None
    before = Order.objects.filter(claim=purchase.claim, buyer=buyer).first()
    if before is not None:
        raise Refused(Code.ALREADY_CLAIMED, order=before.public_id)
    claim = holds.order_in_tx(claim_id=purchase.claim.pk, user=buyer)
    if not persons.admit_newcomer_in_tx(claim):
        raise Refused(Code.NOT_ELIGIBLE, why=_("One newcomer unit a person: you have chosen another one already"))
    if not persons.admit_address_in_tx(claim, address):
        raise Refused(Code.NOT_ELIGIBLE, why=_("One of this deal is on its way to this address already"))
    return claim


def _take_stock_in_tx(items: Sequence[Item]) -> None:
    """Two lines of one SKU are one demand; SKUs in the order of their keys, so that two buyers cannot block each other."""
    wanted: dict[int, int] = {}
    for sku, quantity, _item in items:
        wanted[sku.pk] = wanted.get(sku.pk, 0) + quantity
    for sku_id, quantity in sorted(wanted.items()):
        stock.take_in_tx(sku_id=sku_id, quantity=quantity)


def _require_few_unpaid_in_tx(buyer: User, moment: datetime) -> None:
    with connection.cursor() as cursor:  # one order of a person after the other; her row is locked last, by payments
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"unpaid:{buyer.pk}"])
    if Order.objects.filter(buyer=buyer, state=OrderState.UNPAID, claim=None, expires_at__gt=moment).count() >= MAX_UNPAID:
        raise Refused(Code.LIMIT_PER_USER, limit=MAX_UNPAID, why=_("Pay or cancel your open orders first"))


def _show_of(purchase: Purchase) -> Show | None:
    """The show the sale belongs to: the deal's own, else the one on air in the room."""
    if purchase.claim is not None and purchase.claim.deal.show is not None:
        return purchase.claim.deal.show
    if purchase.room is None:
        return None
    return purchase.room.shows.filter(state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).first()


def _fit(referral: str) -> str:
    """The newest clicks that fit; a cut id would point nowhere."""
    if len(referral) <= REFERRAL_LENGTH:
        return referral
    return referral[: REFERRAL_LENGTH + 1].rpartition(",")[0]
