"""The HTTP doors of deals and coupons: claiming, asking for the result of a tap, the waitlist, one's own coupons."""

from typing import Any, cast
from uuid import UUID, uuid4

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from campaigns import asking, claims, festival, mine, waitlist, wallet
from campaigns.memory import Kind
from campaigns.models import Claim, ClaimState, Deal
from liveshop.clock import now, to_ms
from liveshop.refusals import Code, Refused, as_json, explain


@require_POST
def claim(request: HttpRequest) -> HttpResponse:
    """The same engine as the socket's: a key of a tap that the socket took gives the socket's answer."""
    return _ask(request, Kind.DEAL, request.POST.get("deal", ""))


@require_POST
def take_coupon(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take a coupon: in a room, or from the page of one's coupons, to which `next` leads back."""
    if request.POST.get("next") == "my_coupons":
        return _take_and_look(request, public_id)
    return _ask(request, Kind.COUPON, public_id)


@require_safe
@never_cache
@login_required
def claim_result(request: HttpRequest, key: UUID) -> JsonResponse:
    """What became of the tap with this key. 404: the database has not seen it, so asking again is safe."""
    own = Claim.objects.filter(user=cast(User, request.user), key=key).select_related("deal__sku__product", "order").first()
    if own is None:
        raise Http404
    is_lost = own.state in (ClaimState.EXPIRED, ClaimState.RETURNED) or (own.state == ClaimState.HELD and own.expires_at <= now())
    if is_lost:
        return JsonResponse(as_json(Refused(Code.HOLD_EXPIRED)), status=410)
    answer: dict[str, Any] = {"code": "WON", "claim": own.public_id, "place": own.place, "expires_ms": to_ms(own.expires_at)}
    return JsonResponse(answer | {"html": mine.claim_card(own)})


@require_POST
def deal_wait(request: HttpRequest, public_id: str) -> HttpResponse:
    """Stand in line for a sold-out deal; in the room a "no" is a card in the button's place."""
    if not request.user.is_authenticated:
        raise Refused(Code.LOGIN_REQUIRED)
    deal = Deal.objects.select_related("room", "sku").filter(public_id=public_id).first()
    if deal is None:
        raise Refused(Code.NOT_FOUND)
    is_in_room = bool(request.headers.get("hx-request"))
    try:
        place = waitlist.join(deal=deal, user=request.user, device=_device(request))
    except Refused as refused:
        if not is_in_room:
            raise
        card = mine.refusal_card(kind="deal", target=deal, code=refused.code, facts=refused.facts, user=request.user)
        return HttpResponse(card, status=explain(refused).status)
    if not is_in_room:
        return redirect("room", deal.room.slug)
    answer = HttpResponse(mine.wait_card(deal, place))
    answer["HX-Trigger"] = "due"  # the room's script then asks for all own cards again
    return answer


@require_safe
@never_cache
@login_required
def my_coupons(request: HttpRequest) -> HttpResponse:
    """One's own coupons by state, soonest to run out first."""
    shown = request.GET.get("state", "usable")
    user = cast(User, request.user)
    offered = [(coupon, uuid4()) for coupon in festival.open_to_all(user)] if shown == "usable" else []
    return render(request, "campaigns/my_coupons.html", {"groups": wallet.groups(user), "shown": shown, "offered": offered})


def _take_and_look(request: HttpRequest, public_id: str) -> HttpResponse:
    tap = asking.tap_of(request.user.pk or 0, request.POST.get("key", ""), _device(request))
    outcome = claims.ask_now(asking.find(Kind.COUPON, public_id), tap)
    if not outcome.is_won:
        raise outcome.refusal()
    return redirect("my_coupons")


def _ask(request: HttpRequest, kind: Kind, name: str) -> HttpResponse:
    user_id = request.user.pk if request.user.is_authenticated else 0
    tap = asking.tap_of(user_id or 0, request.POST.get("key", ""), _device(request))
    target = asking.known(kind, name) or asking.find(kind, name)
    outcome = claims.ask_now(target, tap)
    try:
        told = asking.told(outcome, asking.card(target, tap.user_id, outcome))
    except Refused as refused:
        html = refused.facts.pop("html", "")
        if not request.headers.get("hx-request"):
            body = as_json(refused)
            return JsonResponse({"refused": body, "html": html, **body}, status=409 if body["code"] != Code.UNAVAILABLE else 503)
        return HttpResponse(html, status=409)
    return HttpResponse(told["html"]) if request.headers.get("hx-request") else JsonResponse(told)


def _device(request: HttpRequest) -> str:
    return str(getattr(request, "device", ""))
