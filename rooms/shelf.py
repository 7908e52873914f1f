"""The shelf (小黄车): adding, removing and ordering products. A number, once said aloud, never changes.

Row locks here and on the stage are taken in the order room, show, shelf item, pin.
"""

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.models import User
from catalog.models import Product, ProductState
from liveshop.refusals import Code, Refused
from rooms import events
from rooms.models import Pin, Room, ShelfItem

MAX_ITEMS = 200


def add_item(*, room: Room, product: Product, by: User) -> ShelfItem:
    """Put the anchor's own product on her shelf. Raises Refused(FORBIDDEN) for other shops' goods: those come through the alliance."""
    access.require(by, access.Power.SHELF, room)
    if product.shop.owner_id != room.anchor_id:
        raise Refused(Code.FORBIDDEN, why=product.shop.name)
    with transaction.atomic(durable=True):
        item = add_item_in_tx(room=room, product=product, by=by)
        events.publish_in_tx(room_id=room.pk, kind="shelf_changed", panels=["shelf", "notice"], actor=by, facts={"number": item.number})
    return item


def add_item_in_tx(*, room: Room, product: Product, by: User) -> ShelfItem:
    """Write the item; the caller checks rights and publishes. A product removed earlier comes back under its old number.

    Raises Refused(INVALID) when it is there already, is not on sale, or the shelf is full.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("add_item_in_tx needs the caller's transaction")
    if product.state != ProductState.ON_SALE:
        raise Refused(Code.INVALID, why=product.title)
    # The room's row lock makes the next number ours.
    lock_in_tx(room)
    last = ShelfItem.objects.filter(room=room).aggregate(number=Max("number"), position=Max("position"))
    if ShelfItem.objects.filter(room=room, is_listed=True).count() >= MAX_ITEMS:
        raise Refused(Code.INVALID, why=_("A shelf holds %(count)s products: take one off first") % {"count": MAX_ITEMS})
    earlier = ShelfItem.objects.filter(room=room, product=product).first()
    if earlier and earlier.is_listed:
        raise Refused(Code.INVALID, why=product.title)
    position = (last["position"] or 0) + 1
    if earlier:
        earlier.is_listed, earlier.position = True, position
        earlier.save(update_fields=["is_listed", "position"])
        return earlier
    return ShelfItem.objects.create(room=room, product=product, number=(last["number"] or 0) + 1, position=position)


def remove_item(*, room: Room, item: ShelfItem, by: User) -> None:
    """Take an item off the shelf; if it is pinned, the pin ends. Orders and holds are not touched."""
    access.require(by, access.Power.SHELF, room)
    with transaction.atomic(durable=True):
        lock_in_tx(room)
        if not ShelfItem.objects.filter(pk=item.pk, room=room, is_listed=True).update(is_listed=False):
            raise Refused(Code.NOT_FOUND)
        unpinned = Pin.objects.filter(room=room, item=item, ended_at=None).update(ended_at=timezone.now())
        audit.record_in_tx(actor=by, action="shelf_removed", subject=f"room:{room.public_id}", before={"number": item.number})
        panels = ["shelf", "pin"] if unpinned else ["shelf"]
        events.publish_in_tx(room_id=room.pk, kind="shelf_changed", panels=panels, actor=by, facts={"number": item.number})


def reorder(*, room: Room, public_ids: Sequence[str], by: User) -> None:
    """Order the shelf as given; items not named keep their order behind. Raises Refused(INVALID) for a foreign or doubled id."""
    access.require(by, access.Power.SHELF, room)
    with transaction.atomic(durable=True):
        lock_in_tx(room)
        items = {item.public_id: item for item in ShelfItem.objects.filter(room=room, is_listed=True)}
        if len(set(public_ids)) != len(public_ids) or not set(public_ids) <= set(items):
            raise Refused(Code.INVALID, why="shelf")
        rest = [public_id for public_id in items if public_id not in set(public_ids)]
        for position, public_id in enumerate([*public_ids, *rest], start=1):
            items[public_id].position = position
        ShelfItem.objects.bulk_update(items.values(), ["position"])
        events.publish_in_tx(room_id=room.pk, kind="shelf_changed", panels=["shelf", "notice"], actor=by)


def lock_in_tx(room: Room) -> Room:
    """The room's row as it is now, before those of its shows, shelf and pins; two operators at once wait for each other here."""
    return Room.objects.select_for_update(no_key=True, of=("self",)).get(pk=room.pk)


def note_click(item: str, product_id: int) -> None:
    """Count a look at a product on a shelf; `item` is the shelf item's public id as the page's link carries it."""
    ShelfItem.objects.filter(public_id=item, product=product_id).update(click_count=F("click_count") + 1)
