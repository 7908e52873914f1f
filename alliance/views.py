"""Doors of the alliance: the link itself, the pool, links, earnings and the merchant's plans."""

from io import BytesIO
from typing import cast

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from alliance import earnings, links, plans, pool
from alliance.models import AttributionPath, Link, Plan, PlanState
from catalog.models import Category, Product, Shop
from liveshop.publicurl import public_url
from liveshop.refusals import Code, Refused
from rooms.models import Room, Show
from rooms.video import replays

PER_PAGE = 30


@never_cache
@require_GET
def follow_link(request: HttpRequest, code: str) -> HttpResponse:
    """Record the click, then land in the room or on the product; a closed plan still lands there, without commission."""
    visit = links.visit(code=code, request=request)
    link = visit.link
    response = redirect(_target(link, request.GET.get("clip", "")))
    if visit.click:
        links.remember(request, response, visit.click)
    return response


@require_GET
def link_qr(request: HttpRequest, code: str) -> HttpResponse:
    """The link as a QR code, an SVG picture."""
    link = get_object_or_404(Link, code=code)
    picture = BytesIO()
    segno.make(_address(request, link), error="m").save(picture, kind="svg", scale=6, border=2, dark="#1c1512")
    return HttpResponse(picture.getvalue(), content_type="image/svg+xml")


@login_required
@require_GET
def pool_page(request: HttpRequest) -> HttpResponse:
    """Goods that pay commission, for picking and for linking."""
    room = Room.objects.filter(anchor=_user(request)).first()
    offers = pool.listing(
        room=room, text=request.GET.get("q", "").strip(), category_slug=request.GET.get("category", ""), sort=request.GET.get("sort", "")
    )
    categories = Category.objects.filter(products__plans__state=PlanState.OPEN).distinct()
    return render(
        request,
        "alliance/pool.html",
        {
            "offers": offers,
            "room": room,
            "categories": categories,
            "sort": request.GET.get("sort", "commission"),
            "service_permille": settings.SERVICE_FEE_PERMILLE,
        },
    )


@login_required
@require_POST
def pick_product(request: HttpRequest, plan_id: str) -> HttpResponse:
    """Put the product on the picker's own shelf."""
    room = Room.objects.filter(anchor=_user(request)).first()
    if room is None:
        raise Refused(Code.FORBIDDEN, why=_("Open your own room first"))
    item = pool.pick(plan=get_object_or_404(Plan, public_id=plan_id), room=room, by=_user(request))
    if request.headers.get("hx-request"):
        return render(request, "alliance/_picked.html", {"item": item, "room": room})
    messages.success(request, _("On your shelf as number %(number)s") % {"number": item.number})
    return redirect("pool")


@login_required
def links_page(request: HttpRequest) -> HttpResponse:
    """GET: my links with clicks and orders. POST: make one for a plan, landing in a room or on the product."""
    user = _user(request)
    if request.method == "POST":
        plan = get_object_or_404(Plan, public_id=request.POST.get("plan", ""))
        room = Room.objects.filter(slug=request.POST.get("room", "")).first()
        link = links.make(promoter=user, plan=plan, room=room, remark=request.POST.get("remark", ""))
        return redirect(reverse("link_poster", args=[link.code]))
    mine = (
        Link.objects.filter(promoter=user)
        .select_related("plan__product", "room")
        .annotate(
            click_count=Count("clicks", distinct=True),
            order_count=Count("clicks__attributions", filter=Q(clicks__attributions__line__order__paid_at__isnull=False), distinct=True),
        )
        .order_by("-created_at")
    )
    page = Paginator(mine, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "alliance/links.html", {"page": page, "window_days": settings.ATTRIBUTION_WINDOW_DAYS})


@login_required
@require_GET
def poster(request: HttpRequest, code: str) -> HttpResponse:
    """One link with its QR code and address, to copy or show."""
    link = get_object_or_404(Link.objects.select_related("plan__product", "room"), code=code, promoter=_user(request))
    context = {"link": link, "address": _address(request, link), "window_days": settings.ATTRIBUTION_WINDOW_DAYS}
    context["service_permille"] = settings.SERVICE_FEE_PERMILLE
    return render(request, "alliance/poster.html", context)


@login_required
@require_GET
def earnings_page(request: HttpRequest) -> HttpResponse:
    """Pending, settled and invalid commission, each line with its waterfall."""
    user = _user(request)
    path = request.GET.get("path", "")
    path = path if path in AttributionPath.values else ""
    context = {
        "totals": earnings.totals(user),
        "lines": earnings.lines(user, path=path),
        "unpaid": earnings.unpaid_reasons(user),
        "path": path,
        "window_days": settings.ATTRIBUTION_WINDOW_DAYS,
    }
    return render(request, "alliance/earnings.html", context)


@login_required
@require_GET
def plans_page(request: HttpRequest) -> HttpResponse:
    """A merchant's products with their open plans."""
    shops = Shop.objects.filter(owner=_user(request))
    if not shops:
        return redirect("shop_home")
    products = (
        Product.objects.filter(shop__in=shops)
        .select_related("shop", "category")
        .prefetch_related("skus", "pictures", "plans")
        .annotate(promoters=Count("plans__offers", filter=Q(plans__state=PlanState.OPEN), distinct=True))
        .order_by("-created_at")
    )
    page = Paginator(products, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "alliance/plans.html", {"page": page})


@login_required
@require_POST
def set_plan(request: HttpRequest, product_id: str) -> HttpResponse:
    """Open a plan at `rate` percent (one decimal), or close the present one when `rate` is empty."""
    product = get_object_or_404(Product.objects.select_related("shop", "category"), public_id=product_id)
    rate = request.POST.get("rate", "").strip()
    present = plans.open_for(product.pk)
    if rate:
        plans.open_plan(product=product, rate_permille=_permille(rate), by=_user(request))
        messages.success(request, _("Plan opened at %(rate)s%%") % {"rate": rate})
    elif present:
        plans.close_plan(plan=present, by=_user(request))
        messages.success(request, _("Plan closed; placed orders keep their rate"))
    return redirect("shop_plans")


def _permille(text: str) -> int:
    """`12.5` → 125. Raises Refused(INVALID) for anything but a number with at most one decimal."""
    whole, _dot, tenth = text.partition(".")
    if not whole.isdecimal() or len(tenth) > 1 or not (tenth or "0").isdecimal():
        raise Refused(Code.INVALID, why=text)
    return int(whole) * 10 + int(tenth or 0)


def _target(link: Link, clip: str) -> str:
    """The product or the room; the clip that its poster names, as long as it is there."""
    if link.room is None:
        return reverse("product", args=[link.plan.product.public_id])
    show, _dot, number = clip.partition(".")
    found = Show.objects.filter(room=link.room, public_id=show).first() if number.isdecimal() and len(number) < 5 else None
    if found and replays.may_be_seen(link.room, found) and (replays.has_film(found) or replays.can_rewind(found)):
        return reverse("clip", args=[link.room.slug, show, int(number)])
    return reverse("room", args=[link.room.slug])


def _address(request: HttpRequest, link: Link) -> str:
    return public_url(request, reverse("link", args=[link.code]))


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
