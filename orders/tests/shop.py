"""The little shop of these tests: buyers with addresses, orders placed and paid through the real doors."""

import json
import uuid
from datetime import timedelta
from typing import Any

from accounts.models import Address, User
from campaigns.models import Claim, Coupon, CouponFunder, CouponGrant, CouponState, CouponTarget, Deal, DealKind, DealState
from catalog.models import Product, Shop, Sku
from liveshop.clock import now
from liveshop.ids import public_id
from orders import checkout, paying
from orders.models import Order, Payment, SimulatedCharge
from orders.payments import simulator
from rooms.models import Room, ShelfItem
from tests import cast


def make_address(user: User, **fields: Any) -> Address:
    fields = {"province": "陕西省", "city": "西安市", "district": "雁塔区", "detail": f"小寨东路{user.pk}号", "name": "林小满"} | fields
    is_default = fields.pop("is_default", not user.addresses.exists())
    return Address.objects.create(user=user, phone="+8613900001111", is_default=is_default, **fields)


def place(buyer: User, product: Product, *, due_fen: int | None = None, quantity: int = 1, **asked: Any) -> Order:
    """An order for one product; the due is the plain price unless said."""
    sku = product.skus.get()
    asked = {"key": uuid.uuid4(), "grant_id": "", "room": None, "address": buyer.addresses.first() or make_address(buyer)} | asked
    item = asked.pop("item", None)
    due_fen = sku.price_fen * quantity + product.shop.freight_fen if due_fen is None else due_fen
    return checkout.place(buyer=buyer, items=[(sku, quantity, item)], accepted_due_fen=due_fen, **asked)


def place_claim(claim: Claim, *, due_fen: int | None = None, **asked: Any) -> Order:
    buyer = claim.user
    asked = {"key": uuid.uuid4(), "grant_id": "", "room": None, "address": buyer.addresses.first() or make_address(buyer)} | asked
    due_fen = claim.deal.price_fen + claim.deal.sku.product.shop.freight_fen if due_fen is None else due_fen
    return checkout.place(buyer=buyer, items=[], claim=claim, accepted_due_fen=due_fen, **asked)


def begin(order: Order) -> Payment:
    """The buyer comes to the simulator's page."""
    return paying.start(order=order, provider_name="simulator", by=order.buyer).payment


def press(payment: Payment, button: simulator.Button = simulator.Button.PAY, *, payer: str = "", is_late: bool = False) -> list[bytes]:
    """Press a button of the simulator; returns the bodies of the notices it will send."""
    payer = payer or f"wallet:{payment.order.buyer.public_id}"
    pressed = simulator.press(payment_ref=payment.public_id, button=button, payer=payer, is_late=is_late)
    return [notice.body.encode() for notice, _wait in pressed.notices]


def tell(body: bytes) -> paying.Outcome:
    """A genuine notification arrives."""
    return paying.receive("simulator", simulator.signed_headers(body), body)


def pay(order: Order, **how: Any) -> paying.Outcome:
    """The whole way: start, pay, be notified. Returns what the last notification led to."""
    return [tell(body) for body in press(begin(order), **how)][-1]


def changed(body: bytes, **told: Any) -> bytes:
    """The same notice with other words in it, as a forger or a strange service would send."""
    return json.dumps(json.loads(body) | told).encode()


def lapse(order: Order) -> None:
    """Let the order's time run out."""
    before = now() - timedelta(seconds=1)
    Order.objects.filter(pk=order.pk).update(expires_at=before)
    if order.claim_id:
        Claim.objects.filter(pk=order.claim_id).update(expires_at=before)
    SimulatedCharge.objects.filter(payment_ref__in=order.payments.values("public_id")).update(expires_at=before)


def make_deal(room: Room, product: Product, *, total: int = 5, kind: DealKind = DealKind.NEWCOMER) -> Deal:
    """A published deal whose units came out of the SKU's stock, as `campaigns` takes them."""
    sku = product.skus.get()
    Sku.objects.filter(pk=sku.pk).update(stock_available=sku.stock_available - total, stock_held=sku.stock_held + total)
    return Deal.objects.create(
        room=room,
        sku=sku,
        kind=kind,
        title="新人1元购",
        price_fen=100,
        total=total,
        available=total,
        state=DealState.PUBLISHED,
        starts_at=now() - timedelta(minutes=1),
        ends_at=now() + timedelta(hours=1),
        created_by=room.anchor,
    )


def make_claim(deal: Deal, user: User) -> Claim:
    """A won unit with five minutes to pay."""
    Deal.objects.filter(pk=deal.pk).update(available=deal.available - 1, held=deal.held + 1)
    deal.refresh_from_db()
    claim = Claim.objects.create(deal=deal, user=user, key=uuid.uuid4(), place=1, expires_at=now() + timedelta(minutes=5))
    return Claim.objects.select_related("deal__sku__product__shop", "deal__room", "user").get(pk=claim.pk)


def make_grant(user: User, shop: Shop, *, off_fen: int = 500, threshold_fen: int = 0) -> CouponGrant:
    coupon = Coupon.objects.create(
        title="店铺券",
        target=CouponTarget.SHOP,
        funder=CouponFunder.MERCHANT,
        shop=shop,
        threshold_fen=threshold_fen,
        off_fen=off_fen,
        total=10,
        issued=1,
        state=CouponState.PUBLISHED,
        starts_at=now() - timedelta(minutes=1),
        ends_at=now() + timedelta(hours=1),
        valid_days=7,
        created_by=shop.owner,
    )
    return CouponGrant.objects.create(coupon=coupon, user=user, key=uuid.uuid4(), expires_at=now() + timedelta(days=7))


def make_shelf(room: Room, product: Product) -> ShelfItem:
    return cast.make_shelf_item(room, product)


def stock_of(product: Product) -> tuple[int, int, int]:
    """(available, held, sold)."""
    return product.skus.values_list("stock_available", "stock_held", "stock_sold").get()


def other_ref() -> str:
    return f"sim{public_id()}"
