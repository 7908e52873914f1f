"""A person's own cards in a room: what she won, where she waits, which coupons she took. Drawn for her alone."""

from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns import waitlist
from campaigns.models import Claim, ClaimState, Coupon, CouponGrant, CouponState, Deal, DealState, Waiting
from liveshop.clock import now
from liveshop.refusals import Code, Refused, explain
from rooms.models import Room


def cards(room: Room, user: User) -> str:
    """Every card that is still worth showing, as `<div data-for-deal>` and `<div data-for-coupon>` blocks."""
    return "".join([*_claims(room, user), *_waits(room, user), *_grants(room, user)])


def claim_card(claim: Claim) -> str:
    """What a winner sees: time to pay, her order, or that it is paid."""
    order = getattr(claim, "order", None)
    context = {"deal": claim.deal, "claim": claim, "order": order, "states": ClaimState}
    return render_to_string("campaigns/_claim_won.html" if claim.state == ClaimState.HELD else "campaigns/_claim_already.html", context)


def refusal_card(*, kind: str, target: Deal | Coupon, code: Code, facts: dict[str, Any], user: User | None) -> str:
    """The why-no card over a deal or coupon: sentence, reason, next step."""
    told = explain(Refused(code, **facts))
    context: dict[str, Any] = {"kind": kind, "target": target, "told": told, "facts": facts, "code": code.value}
    if kind == "coupon":
        return render_to_string("campaigns/_coupon_refused.html", context)
    if code == Code.SOLD_OUT:
        context["wait"] = waitlist.place_of(deal_id=target.pk, user_id=user.pk) if user else None
        return render_to_string("campaigns/_claim_sold_out.html", context)
    return render_to_string("campaigns/_claim_refused.html", context)


def grant_card(grant: CouponGrant) -> str:
    """The coupon is in her hands."""
    return render_to_string("campaigns/_coupon_taken.html", {"coupon": grant.coupon, "grant": grant})


def wait_card(deal: Deal, place: waitlist.Place) -> str:
    """Her place in line, or that it is her turn."""
    return render_to_string("campaigns/_waiting.html", {"deal": deal, "wait": place})


def date_of(moment: Any) -> str:
    """A day as people write it, in the site's zone."""
    return str(date_format(timezone.localtime(moment), "Y-m-d")) if moment else _("an earlier day")


def _claims(room: Room, user: User) -> list[str]:
    live = [ClaimState.HELD, ClaimState.ORDERED, ClaimState.PAID]
    held = Claim.objects.filter(user=user, deal__room=room, state__in=live).select_related("deal__sku__product", "order")
    held = held.exclude(deal__state=DealState.ENDED, state=ClaimState.PAID)
    moment = now()
    return [claim_card(claim) for claim in held if claim.state == ClaimState.PAID or claim.expires_at > moment]


def _waits(room: Room, user: User) -> list[str]:
    waits = Waiting.objects.filter(user=user, deal__room=room, deal__state=DealState.PUBLISHED).select_related("deal")
    placed = [(wait.deal, waitlist.place_of(deal_id=wait.deal_id, user_id=user.pk)) for wait in waits]
    return [wait_card(deal, place) for deal, place in placed if place is not None]


def _grants(room: Room, user: User) -> list[str]:
    grants = CouponGrant.objects.filter(user=user, coupon__room=room, coupon__state=CouponState.PUBLISHED).select_related("coupon")
    full = {grant.coupon_id: grant for grant in grants.order_by("nth") if grant.nth >= grant.coupon.per_person}
    return [grant_card(grant) for grant in full.values()]
