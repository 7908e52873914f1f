"""Pages of buying: the checkout sheet, paying, own orders. Each door reads the request, calls one action and draws the answer."""

from typing import cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms import AddressForm
from accounts.models import User
from liveshop.refusals import Code, Refused, explain
from orders import checkout as placing
from orders import closing, paying, readings, refunds, sheets, snapshots, wishes
from orders.models import Order
from orders.payments.base import Untrusted, provider_named, providers

PAGE_SIZE = 20
LONGEST_AMOUNT = 12


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponseBase:
    """The checkout as a sheet over the show or as a page; a POST places the order."""
    if not request.user.is_authenticated:
        if request.method != "POST" and not _is_fragment(request):
            return redirect_to_login(request.get_full_path())
        raise Refused(Code.LOGIN_REQUIRED)
    if request.method == "POST":
        return _place(request)
    wish = wishes.read(request.user, request.GET.dict())
    ordered = wish.claim and readings.of_buyer(request.user).filter(claim=wish.claim).first()
    return _placed(request, ordered) if ordered else _sheet(request, wish)


def _sheet(request: HttpRequest, wish: wishes.Wish, *, refused: Refused | None = None, accepted: str = "") -> HttpResponse:
    """Draws the checkout as it is now; `refused` says why the order just asked for was not placed."""
    buyer = cast(User, request.user)
    shown = sheets.of(buyer, wish, device=_device(request))
    context = {
        "shown": shown,
        "wish": wish,
        "refused": refused and explain(refused),
        "refused_order": refused.facts.get("order") if refused else None,
        "accepted": accepted,
        "address_form": AddressForm(initial={"name": buyer.nickname, "phone": (buyer.phone or "").removeprefix("+86")})
        if shown.needs_address
        else None,
        "next_url": sheets.address_of(wish),
        "pay_minutes": settings.ORDER_PAY_MINUTES,
        "unit_fen": shown.sheet.lines[0].unit_price_fen if shown.sheet else wish.sku.price_fen,
    }
    if not _is_fragment(request):
        return render(request, "orders/checkout.html", context)
    response = render(request, "orders/_checkout.html", context)
    if request.headers.get("HX-Target") not in ("checkout", "sheet-body"):
        # The address form answers with a redirect to here: the answer replaces the whole checkout, not the form in it.
        response["HX-Retarget"], response["HX-Reswap"] = "#checkout", "outerHTML"
    return response


def _place(request: HttpRequest) -> HttpResponseBase:
    buyer = cast(User, request.user)
    wish = wishes.read(buyer, request.POST.dict())
    accepted = request.POST.get("accepted", "")
    try:
        order = _place_wish(request, buyer, wish, accepted)
    except Refused as refused:
        return _sheet(request, wish, refused=refused, accepted=accepted)
    return _placed(request, order)


def _placed(request: HttpRequest, order: Order) -> HttpResponse:
    """What comes after ordering: paying, in the same sheet or on the order's page."""
    if _is_fragment(request):
        return render(request, "orders/_placed.html", _order_context(order))
    return redirect("order", order.public_id)


def _place_wish(request: HttpRequest, buyer: User, wish: wishes.Wish, accepted: str) -> Order:
    if wish.address is None:
        raise Refused(Code.INVALID, why=_("Tell us where to send it"))
    if not accepted.isdecimal() or len(accepted) > LONGEST_AMOUNT:
        raise Refused(Code.INVALID)
    if not wish.product.category.no_reason_return and request.POST.get("exception") != "1":
        raise Refused(Code.INVALID, why=_("Please tick that you know these goods cannot be sent back without a reason"))
    return placing.place(
        buyer=buyer,
        key=wish.key,
        items=wish.items,
        claim=wish.claim,
        address=wish.address,
        grant_id=wish.grant,
        accepted_due_fen=int(accepted),
        room=wish.room,
        referral=getattr(request, "referral", ""),
        note=wish.note,
        device=_device(request),
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, public_id: str) -> HttpResponse:
    """Start an attempt to pay and send the buyer to the payment service."""
    order = readings.find(cast(User, request.user), public_id)
    if request.method != "POST":  # a reload, or the way back from signing in: nothing is started by looking
        return redirect("order", order.public_id)
    provider = request.POST.get("provider") or next(iter(providers()), "")
    try:
        return redirect(paying.start(order=order, provider_name=provider, by=cast(User, request.user)).url)
    except Refused as refused:
        if refused.code in (Code.INVALID, Code.CLOSED_UNPAID, Code.HOLD_EXPIRED):
            return redirect("order", order.public_id)  # the order's own page tells what happened to it
        raise


@csrf_exempt
@require_POST
def pay_notify(request: HttpRequest, provider: str) -> HttpResponse:
    """A payment service's notification. Anything but its word of success makes it send again, which only helps if it was not kept."""
    service = provider_named(provider)
    try:
        paying.receive(provider, request.headers, request.body)
    except Untrusted:
        return HttpResponse("refused", status=401, content_type="text/plain")
    return HttpResponse(service.acknowledgement.body, content_type=service.acknowledgement.content_type)


@never_cache
@login_required
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """My orders, newest first, by tab."""
    tab = request.GET.get("tab", "")
    mine = readings.of_buyer(cast(User, request.user))
    page = Paginator(readings.in_state(mine, tab), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [{"order": order, "face": readings.face_of(order)} for order in page]
    return render(request, "orders/orders.html", {"rows": rows, "page": page, "tab": tab, "tabs": readings.tabs()})


@never_cache
@login_required
@require_safe
def order(request: HttpRequest, public_id: str) -> HttpResponse:
    """One order: state, times, price, receiver, what to do next."""
    found = readings.find(cast(User, request.user), public_id)
    paying.ask(found)
    return render(request, "orders/order.html", _order_context(readings.find(cast(User, request.user), public_id)))


@never_cache
@login_required
@require_safe
def order_state(request: HttpRequest, public_id: str) -> HttpResponse:
    """The order's changing part, for a page that waits; 204 while nothing changed. Asks the payment service itself."""
    user = cast(User, request.user)
    paying.ask(readings.find(user, public_id))
    context = _order_context(readings.find(user, public_id))
    if request.GET.get("seen") == context["mark"]:
        return HttpResponse(status=204)
    return render(request, "orders/_placed.html" if request.GET.get("in") == "sheet" else "orders/_order.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """The buyer gives an unpaid order up."""
    user = cast(User, request.user)
    found = readings.find(user, public_id)
    if request.method == "POST":  # otherwise a reload, or the way back from signing in
        closing.cancel(order=found, by=user)
    return redirect("order", public_id)


def _order_context(order: Order) -> dict[str, object]:
    """What the page of an order shows to its buyer, who has then been told of its refunds."""
    face = readings.face_of(order)
    if any(refund.told_at is None for refund in order.refunds.all()):
        refunds.mark_told(order)
    return {
        "order": order,
        "receiver": snapshots.of_receiver(order.address),
        "face": face,
        "mark": readings.mark_of(order, face),
        "is_settling": readings.is_settling(order, face),
        "history": readings.history_of(order),
        "notices": readings.notices_of(order),
        "rows": sheets.rows_of(order.price_sheet, order),
        "providers": list(providers().values()),
        "state_url": reverse("order_state", args=[order.public_id]),
    }


def _is_fragment(request: HttpRequest) -> bool:
    return bool(request.htmx) and not request.htmx.history_restore_request  # type: ignore[attr-defined]


def _device(request: HttpRequest) -> str:
    return getattr(request, "device", "")
