"""What a room is told when stock runs out or comes back."""

import asyncio

import structlog
from django.db import connection, transaction

from accounts.models import User
from campaigns.memory import Kind, Target
from campaigns.models import Coupon, Deal, DealState
from liveshop import bus
from rooms import events

PANELS = ["drops", "shelf"]
NAMED_AT_ONCE = 200  # a notice of the database holds 8,000 bytes
log = structlog.get_logger(__name__)
_errands: set["asyncio.Future[None]"] = set()


def sold_out_soon(target: Target) -> None:
    """The same from an event loop, without waiting for it."""
    task = asyncio.get_running_loop().run_in_executor(None, _sold_out_in_thread, target)
    _errands.add(task)
    task.add_done_callback(_errands.discard)


def _sold_out_in_thread(target: Target) -> None:
    try:
        sold_out(target)
    except Exception:
        log.exception("sold_out_not_told")  # bars and refusals tell it as well
    finally:
        connection.close()


def sold_out(target: Target) -> None:
    """The last unit is taken: draw the cards again."""
    if target.kind is not Kind.DEAL:
        return
    with transaction.atomic():
        deal = Deal.objects.select_for_update(no_key=True, of=("self",)).get(pk=target.pk)
        if deal.available == 0 and deal.state == DealState.PUBLISHED:
            events.publish_in_tx(room_id=deal.room_id, kind="deal_sold_out", panels=PANELS, facts={"deal": deal.public_id})


def restocked(deal_id: int) -> None:
    """Units of a sold-out deal came back: draw the cards again."""
    with transaction.atomic():
        deal = Deal.objects.select_for_update(no_key=True, of=("self",)).get(pk=deal_id)
        if deal.available and deal.state == DealState.PUBLISHED:
            events.publish_in_tx(room_id=deal.room_id, kind="deal_restocked", panels=PANELS, facts={"deal": deal.public_id})


def tell_in_tx(deal: Deal) -> None:
    """Tell every process that what it remembers of this deal is old."""
    bus.notify_in_tx("deal", {"kind": Kind.DEAL.value, "id": deal.pk, "deal": deal.public_id, "room": deal.room_id})


def tell_people_in_tx(deal: Deal, user_ids: list[int]) -> None:
    """Tell these people's pages in the deal's room that something of their own changed: a place in line, a unit kept for them."""
    people = list(User.objects.filter(pk__in=user_ids).values_list("public_id", flat=True))
    for start in range(0, len(people), NAMED_AT_ONCE):
        bus.notify_in_tx("yours", {"room": deal.room_id, "people": people[start : start + NAMED_AT_ONCE]})


def tell_coupon_in_tx(coupon: Coupon) -> None:
    """The same for a coupon."""
    bus.notify_in_tx("deal", {"kind": Kind.COUPON.value, "id": coupon.pk, "room": coupon.room_id})
