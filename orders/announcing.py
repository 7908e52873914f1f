"""After a sale: the room hears of it and sees its stock go down. Nothing here may undo or delay a payment."""

import contextlib
import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.exceptions import AlreadyEnqueued

from liveshop.clock import now
from orders.models import Order
from rooms import chat, events
from rooms.models import RoomEvent

log = logging.getLogger(__name__)

EVENT = "stock_changed"
# One redraw of pin and shelf a second is what eyes can follow; more would only cost every viewer bytes.
REDRAW_EVERY = timedelta(seconds=1)


def sold(order: Order) -> None:
    """A line in the room's chat and fresh stock on pin and shelf. Trouble is logged: the sale stands."""
    if order.room is None:
        return
    try:
        chat.post_notice(room=order.room, text=notice_of(order))
        show_stock(order.room.pk)
    except Exception:
        log.exception("could not announce order %s", order.public_id)


def notice_of(order: Order) -> str:
    """“小满 买了 洛川红富士 ×2”, in the site's language: one line for everybody."""
    lines = list(order.lines.order_by("pk"))
    count = sum(line.quantity for line in lines)
    with translation.override(settings.LANGUAGE_CODE):
        text = _("%(who)s bought %(what)s") % {"who": order.buyer.nickname, "what": lines[0].title}
        return f"{text} ×{count}" if count > 1 else text


def show_stock(room_id: int) -> None:
    """Publish a redraw of pin and shelf now, or in a second by a job when one was published just before."""
    from orders.tasks import show_stock as show_stock_later  # tasks import this module

    if RoomEvent.objects.filter(room_id=room_id, kind=EVENT, at__gt=now() - REDRAW_EVERY).exists():
        with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
            lock = f"orders.show_stock:{room_id}"
            show_stock_later.configure(queueing_lock=lock, schedule_in={"seconds": 1}).defer(room_id=room_id)
        return
    with transaction.atomic(durable=True):
        events.publish_in_tx(room_id=room_id, kind=EVENT, panels=["pin", "shelf"])
