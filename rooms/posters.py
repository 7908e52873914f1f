"""Share posters: what is on them, and the sharer's link in their code. The browser draws them, which has the fonts for what people write."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import segno
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import access
from accounts.models import User
from catalog import products
from catalog.models import Product, ProductState, Sku
from liveshop import wiring
from liveshop.publicurl import public_url
from liveshop.refusals import Code, Refused
from rooms import panels, viewing
from rooms.models import Pin, Room, Show, ShowState
from rooms.video import views as video
from rooms.video.replays import Chapter


@dataclass(frozen=True, slots=True)
class Poster:
    """A poster's words and pictures; `product` and `sku` are none where nothing is sold, `earns` when the code is the sharer's own."""

    room: Room
    show: Show | None
    title: str
    picture: str
    product: Product | None
    sku: Sku | None
    has_more_prices: bool
    at: datetime
    link: str
    code: str
    earns: bool
    is_clip: bool
    is_live: bool


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def room_poster(request: HttpRequest, slug: str) -> HttpResponse:
    """The room's poster. POST: with a link of the sharer's own, made if need be."""
    room = Room.objects.select_related("anchor").filter(slug=slug).first()
    if room is None:
        raise Refused(Code.NOT_FOUND)
    access.require(request.user, access.Power.WATCH, room, device=str(getattr(request, "device", "")))
    product = _shown(room)
    path = _own_link(request, product, room)
    if request.method == "POST":
        return redirect("room_poster", slug)
    show = panels.shown_show(room)
    title = show.title if show and show.state != ShowState.ENDED else room.title
    has_picture = bool(viewing.hero(room)) or bool(show and viewing.is_moving(show))
    cover = reverse("room_cover", args=[slug]) if has_picture else ""
    link = path or reverse("room", args=[slug])
    return _answer(request, _poster(request, room, show, title=title, picture=cover, product=product, link=link, earns=bool(path)))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def clip_poster(request: HttpRequest, slug: str, show: str, number: int) -> HttpResponse:
    """A clip's poster; its code leads to the clip. POST as for a room."""
    film, chapter = video.clip_of(request, slug, show, number)
    room, product = film.show.room, chapter.pin.item.product
    path = _own_link(request, product, room)
    if request.method == "POST":
        return redirect("clip_poster", slug, show, number)
    link = f"{path}?clip={show}.{number}" if path else reverse("clip", args=[slug, show, number])
    cover = reverse("clip_cover", args=[slug, show, number])
    made = _poster(
        request, room, film.show, title=product.title, picture=cover, product=product, link=link, earns=bool(path), chapter=chapter
    )
    return _answer(request, made)


def _poster(
    request: HttpRequest,
    room: Room,
    show: Show | None,
    *,
    title: str,
    picture: str,
    product: Product | None,
    link: str,
    earns: bool,
    chapter: Chapter | None = None,
) -> Poster:
    skus = list(product.skus.all()) if product and product.state == ProductState.ON_SALE else []
    address = public_url(request, link)
    return Poster(
        room=room,
        show=show,
        title=title,
        picture=picture,
        product=product,
        sku=products.shown_sku(skus),
        has_more_prices=len({sku.price_fen for sku in skus}) > 1,
        at=timezone.now(),
        link=address,
        code=_rows(address),
        earns=earns,
        is_clip=chapter is not None,
        is_live=bool(show and show.state == ShowState.LIVE and chapter is None),
    )


def _rows(address: str) -> str:
    """The QR code as rows of 0 and 1, with its quiet margin."""
    return "/".join("".join(str(int(dark)) for dark in row) for row in segno.make(address, error="m").matrix_iter(border=4))


def _shown(room: Room) -> Product | None:
    """The pinned product, else the first that can be bought."""
    pin = Pin.objects.filter(room=room, ended_at=None).select_related("item__product").first()
    if pin:
        return pin.item.product
    items = room.shelf_items.filter(is_listed=True, product__state=ProductState.ON_SALE)
    item = items.select_related("product").first()
    return item.product if item else None


def _own_link(request: HttpRequest, product: Product | None, room: Room) -> str:
    """The path of the sharer's distribution link; empty for guests and where nothing is to be earned."""
    user: User | AnonymousUser = request.user
    if product is None or room.is_rehearsal or not isinstance(user, User):
        return ""
    path: str = wiring.load(wiring.SHARE_LINK)(user, product, room, make=request.method == "POST")
    return path


def _answer(request: HttpRequest, poster: Poster) -> HttpResponse:
    context: dict[str, Any] = {"poster": poster, "room": poster.room}
    is_sheet = request.headers.get("hx-request") == "true"
    return render(request, "rooms/_poster.html" if is_sheet else "rooms/poster.html", context | {"is_sheet": is_sheet})
