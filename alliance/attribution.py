"""A sale finds its anchor: once, when the order is placed, and everything is frozen on the line.

1. bought from a room's shelf or deal → that room's anchor; 2. else the last valid click on an alliance link of the
product within the window; 3. else the merchant's own sale. Buying through oneself earns nothing, and says why.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef

from accounts.models import IdentityKey, User
from alliance.models import Attribution, AttributionPath, Click, Plan, ShelfOffer
from alliance.plans import open_for
from orders.models import Order, OrderLine

MAX_REFERRAL_CLICKS = 10


@dataclass(frozen=True, slots=True)
class Found:
    """Who brought a line and by which plan; `reason` says why nobody earns."""

    path: AttributionPath
    promoter: User | None = None
    click: Click | None = None
    plan: Plan | None = None
    reason: str = ""


def order_placed_in_tx(order: Order) -> None:
    """The "placed" hook: one frozen Attribution a line."""
    clicks = _clicks(order)
    for line in order.lines.select_related("sku__product__shop", "sku__product__category", "shelf_item"):
        found = _without_self_dealing(_found(order, line, clicks), order, line)
        earns = bool(found.plan and not found.reason)
        Attribution.objects.create(
            line=line,
            path=found.path,
            promoter=found.promoter,
            room=order.room,
            click=found.click,
            plan=found.plan,
            rate_permille=found.plan.rate_permille if found.plan and earns else 0,
            service_permille=settings.SERVICE_FEE_PERMILLE if earns else 0,
            category_fee_permille=line.sku.product.category.fee_permille,
            base_fen=line.goods_fen - line.discount_fen,
            no_commission_reason=found.reason,
        )


def _found(order: Order, line: OrderLine, clicks: list[Click]) -> Found:
    product = line.sku.product
    if order.room is not None:
        anchor = order.room.anchor
        if product.shop.owner_id == anchor.pk:
            return Found(AttributionPath.ROOM, anchor, reason="own_goods")
        return _with_plan(Found(AttributionPath.ROOM, anchor, plan=_shelf_plan(order, line)))
    for click in clicks:
        if click.link.plan.product_id == product.pk:
            return _with_plan(Found(AttributionPath.LINK, click.link.promoter, click=click, plan=open_for(product.pk)))
    return Found(AttributionPath.NONE, reason="no_promoter")


def _with_plan(found: Found) -> Found:
    return found if found.plan else replace(found, reason="no_plan")


def _shelf_plan(order: Order, line: OrderLine) -> Plan | None:
    """The plan now open for an alliance product that the room's anchor picked; a rate change reaches new orders at once."""
    picked = ShelfOffer.objects.filter(shelf_item__room=order.room, shelf_item__product_id=line.sku.product_id).exists()
    return open_for(line.sku.product_id) if picked else None


def _without_self_dealing(found: Found, order: Order, line: OrderLine) -> Found:
    if found.promoter is None or found.reason:
        return found
    if found.promoter.pk == order.buyer_id:
        return replace(found, reason="self_purchase")
    if found.promoter.pk == line.sku.product.shop.owner_id:
        return replace(found, reason="own_goods")
    if _same_person(found.promoter.pk, order.buyer_id):
        return replace(found, reason="same_person")
    return found


def _same_person(one_id: int, other_id: int) -> bool:
    """Do two accounts share a phone, device, payer or address digest?"""
    alike = IdentityKey.objects.filter(user_id=one_id, kind=OuterRef("kind"), digest=OuterRef("digest"))
    return IdentityKey.objects.filter(Exists(alike), user_id=other_id).exists()


def _clicks(order: Order) -> list[Click]:
    """The buyer's clicks within the window, newest first; `order.referral` is the signed cookie's text."""
    wanted = order.referral.split(",")[:MAX_REFERRAL_CLICKS]
    opened = order.placed_at - timedelta(days=settings.ATTRIBUTION_WINDOW_DAYS)
    known = Click.objects.filter(public_id__in=wanted, at__gte=opened, at__lte=order.placed_at).select_related(
        "link__plan", "link__promoter"
    )
    by_id = {click.public_id: click for click in known}
    return [by_id[public_id] for public_id in wanted if public_id in by_id]
