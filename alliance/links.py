"""Distribution links, their clicks, and the visitor's signed memory of them."""

import re
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts import access, identity
from accounts.models import User
from alliance.middleware import COOKIE
from alliance.models import Click, Link, Plan, PlanState
from catalog.models import Product
from liveshop.ids import ALPHABET
from liveshop.refusals import Code, Refused
from rooms.models import Room

CODE_LENGTH = 7
REMEMBERED_CLICKS = 10
# Link previews and crawlers are not visitors.
BOTS = re.compile(r"bot|spider|crawl|slurp|preview|facebookexternalhit|curl|wget|python-|headless|monitor", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a link leads, and the click it recorded; none for bots."""

    link: Link
    click: Click | None


def make(*, promoter: User, plan: Plan, room: Room | None = None, remark: str = "") -> Link:
    """The promoter's link for a plan; the same plan, room and remark give the same link again. Raises Refused(ENDED)."""
    access.require(promoter, access.Power.SEE_EARNINGS)
    if plan.state != PlanState.OPEN:
        raise Refused(Code.ENDED)
    return _made(promoter=promoter, plan=plan, room=room, remark=remark.strip()[:40])


def _made(**known: object) -> Link:
    while True:
        try:
            with transaction.atomic():
                return Link.objects.get_or_create(**known, defaults={"code": _code()})[0]
        except IntegrityError:
            # A code met another link's (1 in 10^12), or the twin request won: both are settled by asking again.
            continue


def shared_path(user: User, product: Product, room: Room, *, make: bool) -> str:
    """Where who shares this product in this room leads people to, made when she asks; empty when she has or may have none."""
    if user.is_staff or product.shop.owner_id == user.pk or not access.may(user, access.Power.SEE_EARNINGS):
        return ""
    plan = Plan.objects.filter(product=product, state=PlanState.OPEN).first()
    if plan is None:
        return ""
    known = Link.objects.filter(promoter=user, plan=plan, room=room).order_by("pk").first()
    if known is None and make:
        known = _made(promoter=user, plan=plan, room=room, remark="")
    return reverse("link", args=[known.code]) if known else ""


def visit(*, code: str, request: HttpRequest) -> Visit:
    """Record a click: once for each visitor, link and hour; bots out; no address kept. Raises Refused(NOT_FOUND)."""
    try:
        link = Link.objects.select_related("plan__product", "room", "promoter").get(code=code)
    except ObjectDoesNotExist as error:
        raise Refused(Code.NOT_FOUND) from error
    if BOTS.search(request.headers.get("user-agent") or "bot"):
        return Visit(link, None)
    click, _ = Click.objects.get_or_create(
        link=link,
        visitor_digest=identity.digest("device", request.device),  # type: ignore[attr-defined]
        hour=timezone.now().replace(minute=0, second=0, microsecond=0),
    )
    return Visit(link, click)


def remember(request: HttpRequest, response: HttpResponse, click: Click) -> None:
    """Put the click in front of the visitor's signed cookie, instead of older ones through the same link.

    The cookie lives as long as the attribution window.
    """
    known = [public_id for public_id in request.referral.split(",") if public_id]  # type: ignore[attr-defined]
    same = set(Click.objects.filter(public_id__in=known, link_id=click.link_id).values_list("public_id", flat=True))
    earlier = [public_id for public_id in known if public_id not in same]
    response.set_signed_cookie(
        COOKIE,
        ",".join([click.public_id, *earlier][:REMEMBERED_CLICKS]),
        salt=COOKIE,
        max_age=settings.ATTRIBUTION_WINDOW_DAYS * 86_400,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )


def _code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
