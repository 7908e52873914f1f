"""Merchants' promises of commission. An edit is a new plan; the old one is closed and old orders keep its rate."""

from django.db import transaction
from django.utils import timezone

from accounts import access, audit
from accounts.models import User
from alliance.models import Plan, PlanState
from catalog.models import Product
from liveshop.refusals import Code, Refused

MAX_RATE_PERMILLE = 900


def open_plan(*, product: Product, rate_permille: int, by: User) -> Plan:
    """Open a plan for the product, closing the present one. Raises Refused(INVALID) outside the category's limits."""
    access.require(by, access.Power.MANAGE_PLAN, product.shop)
    lowest = max(1, product.category.min_commission_permille)
    if not lowest <= rate_permille <= MAX_RATE_PERMILLE:
        raise Refused(Code.INVALID, why=f"{lowest / 10:g}% – {MAX_RATE_PERMILLE / 10:g}%")
    with transaction.atomic(durable=True):
        # The product's row orders two merchants' clerks; the partial UNIQUE is behind it.
        Product.objects.select_for_update(no_key=True, of=("self",)).get(pk=product.pk)
        present = Plan.objects.filter(product=product, state=PlanState.OPEN).first()
        if present and present.rate_permille == rate_permille:
            return present
        if present:
            _close_in_tx(present)
        plan = Plan.objects.create(product=product, rate_permille=rate_permille, created_by=by)
        audit.record_in_tx(
            actor=by,
            action="plan_opened",
            subject=f"plan:{plan.public_id}",
            before={"rate_permille": present.rate_permille} if present else {},
            after={"rate_permille": rate_permille},
        )
    return plan


def close_plan(*, plan: Plan, by: User) -> None:
    """No new orders earn by it; placed orders keep their rate. Closing twice changes nothing."""
    access.require(by, access.Power.MANAGE_PLAN, plan.product.shop)
    with transaction.atomic(durable=True):
        if _close_in_tx(plan):
            audit.record_in_tx(actor=by, action="plan_closed", subject=f"plan:{plan.public_id}")


def open_for(product_id: int) -> Plan | None:
    """The plan by which the product pays commission now."""
    return Plan.objects.filter(product_id=product_id, state=PlanState.OPEN).first()


def _close_in_tx(plan: Plan) -> bool:
    return bool(Plan.objects.filter(pk=plan.pk, state=PlanState.OPEN).update(state=PlanState.CLOSED, closed_at=timezone.now()))
