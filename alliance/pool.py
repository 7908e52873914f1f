"""The pool of goods that pay commission, and picking one for a shelf without owning stock."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts import access
from accounts.models import User
from alliance.models import Plan, PlanState, ShelfOffer
from catalog.models import ProductState, Sku
from liveshop.refusals import Code, Refused
from orders.models import OrderLine, OrderState
from rooms import events, shelf
from rooms.models import Room, ShelfItem

SORTS = {"commission": "-earning", "rate": "-rate_permille", "sales": "-sold_30d", "price": "price_from_fen"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One row of the pool: what a unit earns now, after the service fee. Money in fen."""

    plan: Plan
    price_from_fen: int
    earns_fen: int
    sold_30d: int
    stock: int
    is_picked: bool


def listing(*, room: Room | None = None, text: str = "", category_slug: str = "", sort: str = "commission", limit: int = 60) -> list[Offer]:
    """Open plans of goods on sale with stock, best first. `sort` is a key of SORTS; unknown ones mean commission."""
    plans = _figures(Plan.objects.filter(state=PlanState.OPEN, product__state=ProductState.ON_SALE))
    if text:
        plans = plans.filter(product__title__icontains=text)
    if category_slug:
        plans = plans.filter(product__category__slug=category_slug)
    picked = set(_listed(room).values_list("plan__product_id", flat=True)) if room else set()
    best_first = plans.order_by(SORTS.get(sort, SORTS["commission"]), "pk").select_related("product__shop", "product__category")
    return [_offer(plan, plan.product_id in picked) for plan in best_first[:limit]]


def pick(*, plan: Plan, room: Room, by: User) -> ShelfItem:
    """Put an alliance product on the room's shelf. Raises Refused(ENDED) for a closed plan, INVALID when it is there already."""
    access.require(by, access.Power.SHELF, room)
    if plan.product.shop.owner_id == room.anchor_id:
        raise Refused(Code.INVALID, why=plan.product.shop.name)
    try:
        with transaction.atomic(durable=True):
            if not Plan.objects.select_for_update(no_key=True, of=("self",)).filter(pk=plan.pk, state=PlanState.OPEN).exists():
                raise Refused(Code.ENDED)
            item = shelf.add_item_in_tx(room=room, product=plan.product, by=by)
            # What was taken off the shelf comes back with its old number and its old row.
            ShelfOffer.objects.update_or_create(shelf_item=item, defaults={"plan": plan, "picked_by": by, "picked_at": timezone.now()})
            events.publish_in_tx(room_id=room.pk, kind="shelf_changed", panels=["shelf", "notice"], actor=by, facts={"number": item.number})
    except IntegrityError as error:
        raise Refused(Code.INVALID, why=plan.product.title) from error
    return item


def offers_for(room: Room) -> dict[int, Plan]:
    """Shelf item pk → the plan by which a sale would earn now, for the alliance goods on the room's shelf; else the closed one."""
    offers = list(_listed(room).select_related("plan", "shelf_item"))
    products = [offer.shelf_item.product_id for offer in offers]
    now_open = {plan.product_id: plan for plan in Plan.objects.filter(state=PlanState.OPEN, product__in=products)}
    return {offer.shelf_item_id: now_open.get(offer.shelf_item.product_id, offer.plan) for offer in offers}


def _listed(room: Room) -> "QuerySet[ShelfOffer]":
    return ShelfOffer.objects.filter(shelf_item__room=room, shelf_item__is_listed=True)


def _figures(plans: "QuerySet[Plan]") -> "QuerySet[Plan]":
    month_ago = timezone.now() - timedelta(days=30)
    sold = (
        OrderLine.objects.filter(sku__product=OuterRef("product"), order__state=OrderState.PAID, order__paid_at__gte=month_ago)
        .order_by()
        .values("sku__product")
        .annotate(total=Sum("quantity"))
        .values("total")
    )
    skus = Sku.objects.filter(product=OuterRef("product"), stock_available__gt=0).order_by().values("product")
    return plans.annotate(
        sold_30d=Coalesce(Subquery(sold), 0),
        price_from_fen=Subquery(skus.annotate(low=Min("price_fen")).values("low")),
        stock=Subquery(skus.annotate(total=Sum("stock_available")).values("total")),
        earning=F("price_from_fen") * F("rate_permille"),
    ).filter(price_from_fen__isnull=False)


def _offer(plan: Plan, is_picked: bool) -> Offer:
    price_fen: int = plan.price_from_fen  # type: ignore[attr-defined]
    return Offer(
        plan=plan,
        price_from_fen=price_fen,
        earns_fen=plan.earns_fen(price_fen),
        sold_30d=plan.sold_30d,  # type: ignore[attr-defined]
        stock=plan.stock,  # type: ignore[attr-defined]
        is_picked=is_picked,
    )
