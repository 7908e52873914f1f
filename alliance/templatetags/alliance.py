"""Words for the alliance's pages."""

from collections.abc import Iterable

from django import template
from django.utils.translation import gettext as _

from alliance.models import Plan, PlanState
from alliance.waterfall import Entry, Party, Step
from catalog.models import Product, Sku
from liveshop.money import permille_of

register = template.Library()


@register.filter
def step_name(entry: Entry) -> str:
    """What a step of the waterfall is, for the reader."""
    names = {
        (Party.BUYER, Step.PURCHASE): _("Buyer pays for the goods"),
        (Party.PLATFORM, Step.SUBSIDY): _("Platform pays its coupon"),
        (Party.MERCHANT, Step.SALES): _("Merchant keeps"),
        (Party.PROMOTER, Step.COMMISSION): _("You earn"),
        (Party.PLATFORM, Step.SERVICE_FEE): _("Platform service fee"),
        (Party.PLATFORM, Step.CATEGORY_FEE): _("Platform category fee"),
    }
    return names[entry.party, entry.step]


@register.filter
def steps_sum(steps: Iterable[Entry]) -> int:
    """The sum of all steps, in fen: the proof at the foot of the table."""
    return sum(step.amount_fen for step in steps)


@register.filter
def no_commission(reason: str) -> str:
    """Why a sale earns nothing."""
    reasons = {
        "own_goods": _("your own goods"),
        "self_purchase": _("you bought it yourself"),
        "same_person": _("the buyer shares a phone or device with you"),
        "no_plan": _("the product had no open plan"),
    }
    return reasons.get(reason, reason)


@register.filter
def open_plan(product: Product) -> Plan | None:
    """The open plan among the product's prefetched plans."""
    return next((plan for plan in product.plans.all() if plan.state == PlanState.OPEN), None)


@register.filter
def commission_for(sku: Sku, plan: Plan) -> int:
    """What one unit of the SKU earns under the plan, in fen, before the service fee."""
    return permille_of(sku.price_fen, plan.rate_permille)
