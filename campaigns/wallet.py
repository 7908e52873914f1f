"""A person's coupons as `/me/coupons` shows them."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.models import CouponGrant, GrantState
from liveshop.clock import now

OLD = 50


@dataclass(frozen=True, slots=True)
class Group:
    """One tab."""

    name: str
    title: str
    grants: list[CouponGrant]


def groups(user: User) -> list[Group]:
    """Usable, in use by an unpaid order, used, run out: judged by the clock, not by whether somebody has tidied."""
    grants = CouponGrant.objects.filter(user=user).select_related("coupon__product", "coupon__shop", "coupon__category", "coupon__room")
    moment = now()
    free, gone = (
        grants.filter(state=GrantState.UNUSED, expires_at__gt=moment),
        grants.filter(state=GrantState.UNUSED, expires_at__lte=moment),
    )
    return [
        Group("usable", _("To use"), list(free.order_by("expires_at"))),
        Group("locked", _("In an unpaid order"), list(grants.filter(state=GrantState.LOCKED).order_by("expires_at"))),
        Group("used", _("Used"), list(grants.filter(state=GrantState.USED).order_by("-expires_at")[:OLD])),
        Group("over", _("Run out"), list((gone | grants.filter(state=GrantState.EXPIRED)).order_by("-expires_at")[:OLD])),
    ]
