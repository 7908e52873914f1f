"""Opening a room and dressing it."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.models import User
from catalog import words
from catalog.models import Shop
from liveshop.refusals import Code, Refused
from rooms import events
from rooms.models import Room

RESERVED = {"new", "apply", "api"}


def open_room(*, by: User, title: str, slug: str) -> Room:
    """The anchor's one room. Raises Refused: FORBIDDEN for no anchor, INVALID for a taken address or a second room, WORD_REFUSED."""
    access.require(by, access.Power.GO_LIVE)
    word = words.banned_in(title)
    if word:
        raise Refused(Code.WORD_REFUSED, word=word)
    if slug in RESERVED or Room.objects.filter(slug=slug).exists():
        raise Refused(Code.INVALID, why=_("This address is taken"))
    shop = Shop.objects.filter(owner=by).first()
    try:
        with transaction.atomic(durable=True):
            room = Room.objects.create(anchor=by, title=title.strip(), slug=slug, seller_name=shop.operator_name if shop else by.nickname)
            audit.record_in_tx(actor=by, action="room_opened", subject=f"room:{room.public_id}", after={"slug": slug})
    except IntegrityError as clash:
        taken = Room.objects.filter(anchor=by).exists()
        raise Refused(Code.INVALID, why=_("You have a room already") if taken else _("This address is taken")) from clash
    return room


def set_cover(*, room: Room, by: User, path: str) -> None:
    """Another cover picture."""
    access.require(by, access.Power.GO_LIVE, room)
    with transaction.atomic(durable=True):
        Room.objects.filter(pk=room.pk).update(cover=path)
        audit.record_in_tx(actor=by, action="cover_changed", subject=f"room:{room.public_id}", after={"cover": path})
        events.publish_in_tx(room_id=room.pk, kind="cover_changed", panels=["stage"], actor=by)
