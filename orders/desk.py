"""The merchant's order desk: what was sold, what is paid and must be packed. Receivers stay masked until shipping."""

import csv
from collections.abc import Iterator
from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import User
from catalog.models import Shop
from liveshop.refusals import Code, Refused
from orders import readings, snapshots
from orders.models import Order

PAGE_SIZE = 50
# A cell that begins with one of these is a formula to a spreadsheet.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def _shops_of(request: HttpRequest) -> list[Shop]:
    """The person's own shops. Raises Refused(NOT_FOUND): to everybody else there is no such desk."""
    shops = list(Shop.objects.filter(owner=cast(User, request.user)))
    if not shops:
        raise Refused(Code.NOT_FOUND)
    return shops


@login_required
@require_safe
def shop_orders(request: HttpRequest) -> HttpResponse:
    """The orders of one's shops, by tab, newest first."""
    shops = _shops_of(request)
    tab = request.GET.get("tab", "")
    found = readings.in_state(readings.of_shop([shop.pk for shop in shops]), tab)
    page = Paginator(found.prefetch_related("lines__attribution__promoter"), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [{"order": order, "face": readings.face_of(order), "receiver": snapshots.masked(order.address)} for order in page]
    context = {"rows": rows, "page": page, "tab": tab, "tabs": readings.tabs(), "shops": shops}
    return render(request, "orders/shop_orders.html", context)


@login_required
@require_safe
def shop_orders_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same list as a file, streamed, so that a big shop's year is no burden."""
    shops = _shops_of(request)
    found = readings.in_state(readings.of_shop([shop.pk for shop in shops]), request.GET.get("tab", ""))
    response = StreamingHttpResponse(_csv_rows(found.iterator(chunk_size=500)), content_type="text/csv; charset=utf-8")
    name = timezone.localtime().strftime("orders-%Y%m%d-%H%M.csv")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


class _Echo:
    """A file that hands each row straight back."""

    def write(self, text: str) -> str:
        return text


def _csv_rows(orders: Iterator[Order]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    heads = [_("Order number"), _("State"), _("Placed"), _("Paid at"), _("Items"), _("Pieces"), _("Goods money"), _("Discounts")]
    heads += [_("Freight"), _("Sum"), _("Receiver"), _("Phone number"), _("Region"), _("A word to the shop")]
    yield "\ufeff" + cast(str, writer.writerow(heads))
    for order in orders:
        yield cast(str, writer.writerow([_plain(cell) for cell in _cells(order)]))


def _cells(order: Order) -> list[str]:
    lines, receiver = list(order.lines.all()), snapshots.masked(order.address)
    money = (order.goods_fen, -order.discount_fen, order.freight_fen, order.due_fen)
    return [
        order.public_id,
        readings.face_of(order).title,
        f"{timezone.localtime(order.placed_at):%Y-%m-%d %H:%M:%S}",
        f"{timezone.localtime(order.paid_at):%Y-%m-%d %H:%M:%S}" if order.paid_at else "",
        "; ".join(f"{line.title} {line.sku_name}".strip() for line in lines),
        str(sum(line.quantity for line in lines)),
        *(f"{fen / 100:.2f}" for fen in money),
        receiver["name"],
        receiver["phone"],
        f"{receiver['province']} {receiver['city']} {receiver['district']}",
        order.note,
    ]


def _plain(cell: str) -> str:
    """A buyer's note must not become a formula in the merchant's spreadsheet; numbers keep their sign."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not cell.lstrip("-").replace(".", "").isdecimal() else cell
