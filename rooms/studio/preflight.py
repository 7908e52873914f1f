"""What must be right before going live. A red line blocks the start, a yellow one is advice."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Sum
from django.utils.translation import gettext as _

from catalog import words
from liveshop.refusals import Code, Refused
from rooms.models import Room


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the list; `fix` is the panel where it is mended."""

    name: str
    text: str
    is_ok: bool
    blocks: bool
    fix: str


def checks(room: Room, title: str) -> list[Check]:
    """All lines in the order of the list."""
    items = list(room.shelf_items.filter(is_listed=True).annotate(left=Sum("product__skus__stock_available")))
    empty = [str(item.number) for item in items if not item.left]
    word = words.banned_in(title) or words.banned_in(room.notice)
    return [
        Check("title", title or _("Give the show a title"), bool(title), True, "plan"),
        Check(
            "cover",
            _("Cover picture") if room.cover else _("No cover yet: viewers see the product’s picture"),
            bool(room.cover),
            False,
            "stage",
        ),
        Check(
            "goods",
            _("%(n)s products on the shelf") % {"n": len(items)} if items else _("Put a product on the shelf"),
            bool(items),
            True,
            "shelf",
        ),
        Check("stock", _stock(items, empty), bool(items) and not empty, len(empty) == len(items), "shelf"),
        Check(
            "words",
            _("“%(word)s” is not allowed in advertising") % {"word": word} if word else _("No forbidden words"),
            not word,
            True,
            "notice",
        ),
        Check("notice", _("Notice board") if room.notice else _("The notice board is empty"), bool(room.notice), False, "notice"),
    ]


def require_ready(room: Room, title: str) -> None:
    """Raises Refused(INVALID) with the first line that blocks."""
    for check in checks(room, title):
        if check.blocks and not check.is_ok:
            raise Refused(Code.INVALID, why=check.text)


def _stock(items: Sequence[object], empty: list[str]) -> str:
    if not items:
        return _("No stock to sell yet")
    return _("Sold out: no. %(numbers)s") % {"numbers": "、".join(empty)} if empty else _("Everything is in stock")
