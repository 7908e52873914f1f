"""What buyers see of goods: a product, search, a belt."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from catalog import prices, search
from catalog.forms import SearchForm
from catalog.models import Belt, Category, Product, ProductState
from liveshop import wiring
from liveshop.refusals import Code, Refused


@require_safe
def product(request: HttpRequest, public_id: str) -> HttpResponse:
    """The product as a page, or as a sheet inside a room. An off-shelf product still shows, without a button; a draft only to its shop."""
    try:
        shown = Product.objects.select_related("shop", "category", "belt").prefetch_related("pictures", "skus").get(public_id=public_id)
    except ObjectDoesNotExist:
        raise Refused(Code.NOT_FOUND) from None
    if shown.state == ProductState.DRAFT and shown.shop.owner_id != request.user.pk:
        raise Refused(Code.NOT_FOUND)
    skus = list(shown.skus.all())
    chosen = next((s for s in skus if s.public_id == request.GET.get("sku")), None) or next((s for s in skus if s.stock_available), skus[0])
    context = {
        "product": shown,
        "skus": skus,
        "chosen": chosen,
        "history": prices.history(chosen),
        "is_on_sale": shown.state == ProductState.ON_SALE and shown.shop.is_open,
        "room": request.GET.get("room", ""),
        "item": request.GET.get("item", ""),
    }
    if context["item"]:
        wiring.load(wiring.SHELF_CLICK)(context["item"], shown.pk)
    template = "catalog/_product.html" if request.htmx else "catalog/product.html"  # type: ignore[attr-defined]
    if not request.htmx:  # type: ignore[attr-defined]
        context["more"] = _more_of(shown)
    return render(request, template, context)


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Search with filters; without a text, all goods by what sells."""
    form = SearchForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    wanted = search.Wanted(asked.get("category"), asked.get("belt"), asked.get("min"), asked.get("max"), asked.get("sort") or "")
    number = asked.get("page") or 1
    text = asked.get("q") or ""
    found = search.find(text, wanted, offset=(number - 1) * search.PAGE)
    rest = request.GET.copy()
    rest.pop("page", None)
    context = {
        "text": text,
        "wanted": wanted,
        "found": found,
        "number": number,
        "next_number": number + 1 if number * search.PAGE < found.total else None,
        "query": rest.urlencode(),
        "is_narrowed": any((wanted.category, wanted.belt, wanted.min_fen is not None, wanted.max_fen is not None)),
    } | _filters()
    if not found.total:
        context["tries"] = search.suggestions()
    is_part = request.htmx and number > 1  # type: ignore[attr-defined]
    return render(request, "catalog/_cards.html" if is_part else "catalog/search.html", context)


@require_safe
def belt(request: HttpRequest, slug: str) -> HttpResponse:
    """An industrial belt: its story and its goods."""
    shown = get_object_or_404(Belt, slug=slug)
    found = search.find("", search.Wanted(belt=shown, sort="sold"), limit=60)
    return render(request, "catalog/belt.html", {"belt": shown, "found": found, "shops": shown.shops.filter(is_open=True)[:12]})


def _filters() -> dict[str, Any]:
    has_goods = Count("products", filter=Q(products__state=ProductState.ON_SALE))
    return {
        "categories": Category.objects.annotate(goods=has_goods).filter(goods__gt=0),
        "belts": Belt.objects.annotate(goods=has_goods).filter(goods__gt=0).order_by("-goods", "name"),
    }


def _more_of(shown: Product) -> list[Product]:
    others = Product.objects.filter(shop=shown.shop_id, state=ProductState.ON_SALE).exclude(pk=shown.pk)
    return list(others.select_related("belt", "shop").prefetch_related("pictures", "skus").order_by("-sold_count", "-id")[:6])
