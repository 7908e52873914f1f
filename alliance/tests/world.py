"""Orders made by hand for the alliance's tests: what checkout writes, without checkout."""

import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from alliance.models import Click, Link, Plan, ShelfOffer
from catalog.models import Product
from orders.models import Order, OrderLine, OrderState
from rooms.models import Room, ShelfItem
from tests import cast


def make_plan(product: Product | None = None, rate_permille: int = 200) -> Plan:
    product = product or cast.make_product()
    return Plan.objects.create(product=product, rate_permille=rate_permille, created_by=product.shop.owner)


def make_click(plan: Plan, promoter: User, *, days_ago: float = 0) -> Click:
    link, _ = Link.objects.get_or_create(promoter=promoter, plan=plan, defaults={"code": f"c{Link.objects.count()}"})
    at = timezone.now() - timedelta(days=days_ago)
    return Click.objects.create(link=link, visitor_digest=uuid.uuid4().bytes, hour=at, at=at)


def pick(plan: Plan, room: Room) -> ShelfItem:
    item = cast.make_shelf_item(room, plan.product)
    ShelfOffer.objects.create(shelf_item=item, plan=plan, picked_by=room.anchor)
    return item


def make_order(buyer: User, products: list[Product], *, clicks: list[Click] = [], discount_fen: int = 0, **fields: Any) -> Order:  # noqa: B006
    """An unpaid order with one unit of each product; the discount is the merchant's, on the first line."""
    prices = [product.skus.get().price_fen for product in products]
    order = Order.objects.create(
        buyer=buyer,
        key=uuid.uuid4(),
        shop=products[0].shop,
        referral=",".join(click.public_id for click in clicks),
        goods_fen=sum(prices),
        discount_fen=discount_fen,
        due_fen=sum(prices) - discount_fen + fields.get("freight_fen", 0),
        price_sheet={},
        address={},
        expires_at=timezone.now() + timedelta(minutes=15),
        **fields,
    )
    for n, (product, price) in enumerate(zip(products, prices, strict=True)):
        off = discount_fen if n == 0 else 0
        OrderLine.objects.create(
            order=order, sku=product.skus.get(), title=product.title, quantity=1, unit_price_fen=price,
            goods_fen=price, discount_fen=off, merchant_discount_fen=off,
        )  # fmt: skip
    return order


def pay(order: Order) -> Order:
    order.state, order.paid_at, order.paid_fen = OrderState.PAID, timezone.now(), order.due_fen
    order.save()
    return order
