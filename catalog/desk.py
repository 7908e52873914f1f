"""The merchant's desk: the shop, its goods, stock and prices, and CSV both ways."""

import csv
import io
from typing import Any, BinaryIO, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.models import User
from catalog import import_checks, imports, products, sheets, shops, stock
from catalog.forms import ProductForm, ShopForm, VariantForm
from catalog.models import ImportJob, Product, ProductState, Shop, Sku
from catalog.tasks import import_goods
from liveshop.refusals import Code, Refused, explain

PER_PAGE = 30


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The shop at a glance; without a shop, the form that opens one."""
    owner = cast(User, request.user)
    shop = Shop.objects.filter(owner=owner).first()
    form = ShopForm(request.POST) if request.method == "POST" else ShopForm.of(shop) if shop else ShopForm(initial={"freight_fen": 0})
    if request.method == "POST" and form.is_valid():
        try:
            if shop:
                shops.change(shop=shop, by=owner, terms=form.terms())
            else:
                shops.open_shop(owner=owner, terms=form.terms())
            messages.success(request, _("Saved"))
            return redirect("shop_home")
        except Refused as refused:
            form.add_error("name", _why(refused))
    status = 422 if form.errors else 200
    if not shop:
        return render(request, "catalog/open_shop.html", {"form": form}, status=status)
    context = {"shop": shop, "form": form, "figures": shops.figures(shop), "running_out": shops.running_out(shop)}
    return render(request, "catalog/shop.html", context, status=status)


@require_safe
@login_required
def items(request: HttpRequest) -> HttpResponse:
    """All goods of the shop, by state and text."""
    shop = _shop(request)
    goods = Product.objects.filter(shop=shop).prefetch_related("skus", "pictures").order_by("-id")
    text, state = request.GET.get("q", "").strip()[:60], request.GET.get("state", "")
    if text:
        goods = goods.filter(title__icontains=text) | goods.filter(merchant_code=text)
    if state in {"0", "1", "2"}:
        goods = goods.filter(state=int(state))
    page = Paginator(goods, PER_PAGE).get_page(request.GET.get("page"))
    imports_done = ImportJob.objects.filter(shop=shop).order_by("-id").defer("content")[:3]
    context = {"shop": shop, "page": page, "text": text, "state": state, "states": ProductState.choices, "imports": imports_done}
    return render(request, "catalog/items.html", context)


@login_required
def new_item(request: HttpRequest) -> HttpResponse:
    """Write a new product with its first variant."""
    shop = _shop(request)
    form, variant = ProductForm(request.POST or None), VariantForm(request.POST or None, prefix="v")
    if request.method == "POST" and form.is_valid() and variant.is_valid():
        try:
            made = products.create(shop=shop, by=cast(User, request.user), texts=form.texts(), variants=[variant.variant()])
            messages.success(request, _("Saved as a draft. It can go on sale as it is; with pictures it sells better."))
            return redirect("shop_item", made.public_id)
        except Refused as refused:
            form.add_error(None, _why(refused))
    status = 422 if form.errors or variant.errors else 200
    return render(request, "catalog/item.html", {"form": form, "variant": variant, "shop": shop}, status=status)


@login_required
def item(request: HttpRequest, public_id: str) -> HttpResponse:
    """Edit a product: texts, pictures, variants."""
    product = _product(request, public_id)
    form = ProductForm(request.POST) if request.method == "POST" else ProductForm.of(product)
    if request.method == "POST" and form.is_valid():
        try:
            products.edit(product=product, by=cast(User, request.user), texts=form.texts())
            messages.success(request, _("Saved"))
            return redirect("shop_item", product.public_id)
        except Refused as refused:
            form.add_error(None, _why(refused))
    context = {"form": form, "product": product, "variant": VariantForm(prefix="v"), "shop": product.shop}
    return render(request, "catalog/item.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def item_state(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put on sale or take off the shelf."""
    product = _product(request, public_id)
    act = products.publish if request.POST.get("to") == "on" else products.take_off
    try:
        act(product=product, by=cast(User, request.user))
    except Refused as refused:
        if not request.htmx:  # type: ignore[attr-defined]
            raise
        return render(request, "catalog/_entry.html", {"product": product, "refused": _why(refused)})
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "catalog/_entry.html", {"product": product})
    messages.success(request, product.get_state_display())
    return redirect("shop_item", product.public_id)


@require_POST
@login_required
def add_picture(request: HttpRequest, public_id: str) -> HttpResponse:
    """Upload pictures; each is drawn again."""
    product = _product(request, public_id)
    for upload in request.FILES.getlist("pictures"):
        try:
            products.add_picture(product=product, by=cast(User, request.user), upload=cast(BinaryIO, upload.file), size=upload.size or 0)
        except Refused as refused:
            messages.error(request, f"{upload.name}: {_why(refused)}")
    return redirect("shop_item", public_id)


@require_POST
@login_required
def remove_picture(request: HttpRequest, public_id: str, position: int) -> HttpResponse:
    """Take one picture away."""
    products.remove_picture(product=_product(request, public_id), by=cast(User, request.user), position=position)
    return redirect("shop_item", public_id)


@require_POST
@login_required
def add_sku(request: HttpRequest, public_id: str) -> HttpResponse:
    """One more variant."""
    product = _product(request, public_id)
    form = VariantForm(request.POST, prefix="v")
    if form.is_valid():
        try:
            products.add_sku(product=product, by=cast(User, request.user), variant=form.variant())
            return redirect("shop_item", public_id)
        except Refused as refused:
            form.add_error("name", _why(refused))
    context = {"form": ProductForm.of(product), "product": product, "variant": form, "shop": product.shop}
    return render(request, "catalog/item.html", context, status=422)


@require_POST
@login_required
def sku_stock(request: HttpRequest, public_id: str) -> HttpResponse:
    """Add or remove units; the answer is the row as it is now."""
    sku = _sku(request, public_id)
    change = sheets.count_of(request.POST.get("units", ""))
    error = "" if change else _("This is not a number of units")
    if change:
        try:
            stock.adjust(sku=sku, change=-change if request.POST.get("way") == "less" else change, by=cast(User, request.user))
        except Refused as refused:
            error = _("Fewer are available") if refused.code is Code.INVALID else _why(refused)
    return _sku_row(request, sku, error)


@require_POST
@login_required
def sku_price(request: HttpRequest, public_id: str) -> HttpResponse:
    """A new price; the old one is struck through when it was higher and the merchant asks for it."""
    sku = _sku(request, public_id)
    price_fen = sheets.fen_of(request.POST.get("price", ""))
    error = "" if price_fen else _("This is not a price")
    if price_fen:
        old = max(sku.price_fen, sku.list_price_fen or 0)
        struck = old if request.POST.get("strike") and old > price_fen else None
        try:
            products.set_price(sku=sku, by=cast(User, request.user), price_fen=price_fen, list_price_fen=struck)
        except Refused as refused:
            error = _why(refused)
    return _sku_row(request, sku, error)


@require_safe
@login_required
def export(request: HttpRequest) -> HttpResponse:
    """All goods as CSV that Excel opens and the import reads back."""
    answer = HttpResponse(sheets.write(sheets.rows_of(_shop(request))), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="goods.csv"'
    return answer


@require_POST
@login_required
def new_import(request: HttpRequest) -> HttpResponse:
    """Take a file; its dry run is shown next."""
    upload = request.FILES.get("file")
    if upload is None:
        raise Refused(Code.INVALID, why=_("Choose a file"))
    if (upload.size or 0) > sheets.LARGEST_BYTES:
        raise sheets.too_large()
    job = imports.start(shop=_shop(request), by=cast(User, request.user), raw=upload.read(), file_name=upload.name or "")
    return redirect("shop_import", job.public_id)


@login_required
def import_job(request: HttpRequest, public_id: str) -> HttpResponse:
    """The dry run; after the start, progress and errors."""
    job = _job(request, public_id)
    if request.method == "POST":
        if imports.begin(job=job, by=cast(User, request.user)):
            import_goods.defer(job_id=job.public_id)
        return redirect("shop_import", public_id)
    context: dict[str, Any] = {"job": job, "shop": job.shop}
    if not job.started_at:
        context["preview"] = preview = imports.preview(job)
        context["emptied"] = [(import_checks.column_name(column), count) for column, count in preview.emptied.items()]
        errors = preview.errors
    else:
        errors = job.errors
    context["troubles"] = import_checks.gathered(errors)[:200]
    context["error_count"] = len(errors)
    context["is_stopped"] = imports.is_stopped(job)
    context["part"] = round(100 * job.rows_done / max(1, job.rows_total))
    return render(request, "catalog/_import.html" if request.htmx else "catalog/import.html", context)  # type: ignore[attr-defined]


@require_safe
@login_required
def import_errors(request: HttpRequest, public_id: str) -> HttpResponse:
    """All errors as a file, to correct row by row."""
    job = _job(request, public_id)
    errors = job.errors if job.started_at else imports.preview(job).errors
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["row", "column", "value", "problem"])
    writer.writerows([e["row"], e["column"], sheets.harmless(e["value"]), import_checks.message(e["problem"])] for e in errors)
    answer = HttpResponse("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="errors.csv"'
    return answer


def _sku_row(request: HttpRequest, sku: Sku, error: str) -> HttpResponse:
    if not request.htmx:  # type: ignore[attr-defined]
        if error:
            messages.error(request, error)
        return redirect("shop_item", sku.product.public_id)
    sku.refresh_from_db()
    return render(request, "catalog/_sku.html", {"sku": sku, "error": error}, status=422 if error else 200)


def _why(refused: Refused) -> str:
    told = explain(refused)
    return f"{told.sentence} {told.reason}" if refused.code is Code.WORD_REFUSED else told.reason or told.sentence


def _shop(request: HttpRequest) -> Shop:
    shop = Shop.objects.filter(owner=cast(User, request.user)).first()
    if shop is None:
        raise Refused(Code.FORBIDDEN, why=_("Open a shop first"))
    return shop


def _product(request: HttpRequest, public_id: str) -> Product:
    product = Product.objects.select_related("shop").filter(public_id=public_id).first()
    if product is None:
        raise Refused(Code.NOT_FOUND)
    access.require(cast(User, request.user), access.Power.MANAGE_SHOP, product.shop)
    return product


def _sku(request: HttpRequest, public_id: str) -> Sku:
    sku = Sku.objects.select_related("product__shop").filter(public_id=public_id).first()
    if sku is None:
        raise Refused(Code.NOT_FOUND)
    access.require(cast(User, request.user), access.Power.STOCK, sku.product.shop)
    return sku


def _job(request: HttpRequest, public_id: str) -> ImportJob:
    job = ImportJob.objects.select_related("shop", "by").filter(public_id=public_id).first()
    if job is None:
        raise Refused(Code.NOT_FOUND)
    access.require(cast(User, request.user), access.Power.MANAGE_SHOP, job.shop)
    return job
