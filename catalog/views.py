"""Doors for buyers: the product page, also as a sheet over a live room."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from catalog.models import PriceChange, Product, ProductState, Sku

HISTORY = 12


@require_GET
def product_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """One product. `?item=` names the shelf item it was opened from and is handed on to checkout as it came."""
    product = (
        Product.objects.select_related("shop", "belt", "category")
        .prefetch_related("pictures", "skus")
        .exclude(state=ProductState.DRAFT)
        .filter(public_id=public_id)
        .first()
    )
    if product is None:
        raise Http404
    skus = list(product.skus.all())
    chosen = next((sku for sku in skus if sku.public_id == request.GET.get("sku")), None) or _first_in_stock(skus)
    context = {
        "product": product,
        "skus": skus,
        "chosen": chosen,
        "item": request.GET.get("item", "")[:16],
        "history": _history(chosen),
        "is_buyable": bool(chosen and chosen.stock_available and product.state == ProductState.ON_SALE and product.shop.is_open),
        "buy_url": _buy_url(request, chosen),
    }
    return render(request, "catalog/_product.html" if request.headers.get("hx-request") else "catalog/product.html", context)


def _first_in_stock(skus: list[Sku]) -> Sku | None:
    return next((sku for sku in skus if sku.stock_available), skus[0] if skus else None)


def _history(sku: Sku | None) -> list[PriceChange]:
    """The last prices, oldest first: what makes a struck price believable."""
    return list(reversed(PriceChange.objects.filter(sku=sku).order_by("-at")[:HISTORY])) if sku else []


def _buy_url(request: HttpRequest, sku: Sku | None) -> str:
    if sku is None:
        return ""
    handed_on = {name: request.GET[name] for name in ("item", "room") if request.GET.get(name)}
    return f"{reverse('checkout')}?{urlencode({'sku': sku.public_id, 'qty': 1} | handed_on)}"
