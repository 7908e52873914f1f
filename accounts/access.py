"""Every question of the form "may she do that?".

What a person may do follows from what she owns (a room, a shop), what she was granted (moderator of one room,
operator group) and what was taken from her (sanctions). Nothing is inherited: an anchor is not an operator, an
operator is not a buyer.
"""

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Any, Protocol, cast

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts import sanctions
from accounts.models import OperatorScope, Sanction, SanctionKind, User
from liveshop.refusals import Code, Refused


class Power(StrEnum):
    WATCH = "watch"
    CHAT = "chat"
    LIKE = "like"
    FOLLOW = "follow"
    CLAIM = "claim"
    BUY = "buy"
    GO_LIVE = "go_live"
    PIN = "pin"
    SHELF = "shelf"
    DROP = "drop"
    STOCK = "stock"
    MUTE = "mute"
    BAN = "ban"
    DELETE_CHAT = "delete_chat"
    ROOM_MODES = "room_modes"
    GRANT_MODERATOR = "grant_moderator"
    FREEZE_DEAL = "freeze_deal"
    CUT_SHOW = "cut_show"
    MANAGE_SHOP = "manage_shop"
    MANAGE_PLAN = "manage_plan"
    SEE_EARNINGS = "see_earnings"


class Rank(IntEnum):
    """Who stands above whom; nobody acts on someone of the same rank or above."""

    GUEST = 0
    VIEWER = 1
    MODERATOR = 2
    OWNER = 3
    OPERATOR = 4
    SUPERUSER = 5


class RoomPlace(Protocol):
    """What access needs to know of a room."""

    anchor_id: int
    public_id: str

    def granted_powers(self, user_id: int) -> frozenset[str]: ...


class ShopPlace(Protocol):
    """What access needs to know of a shop."""

    owner_id: int


Place = RoomPlace | ShopPlace
Person = User | AnonymousUser

TALKING = frozenset({Power.CHAT, Power.LIKE, Power.FOLLOW})
BUYING = frozenset({Power.CLAIM, Power.BUY})
# What an anchor may hand to a moderator of her room, power by power.
MODERATOR_POWERS = frozenset(
    {Power.PIN, Power.SHELF, Power.DROP, Power.STOCK, Power.MUTE, Power.BAN, Power.DELETE_CHAT, Power.ROOM_MODES, Power.FREEZE_DEAL}
)
ANCHOR_POWERS = MODERATOR_POWERS | {Power.GO_LIVE, Power.GRANT_MODERATOR, Power.SEE_EARNINGS}
MERCHANT_POWERS = frozenset({Power.STOCK, Power.MANAGE_SHOP, Power.MANAGE_PLAN, Power.SEE_EARNINGS})
# What an operator group may be given; everything else stays with the people whose room or shop it is.
OPERATOR_POWERS = frozenset({Power.MUTE, Power.BAN, Power.DELETE_CHAT, Power.FREEZE_DEAL, Power.CUT_SHOW, Power.SEE_EARNINGS})


def may(user: Person, power: Power, place: Place | None = None, *, device: str = "") -> bool:
    """Whether `user` may use `power` in `place`; at most three small queries."""
    return _objection(user, power, place, device) is None


def require(user: Person, power: Power, place: Place | None = None, *, device: str = "") -> None:
    """Raises Refused(LOGIN_REQUIRED | BANNED | MUTED | FORBIDDEN) unless `may`."""
    objection = _objection(user, power, place, device)
    if objection is not None:
        raise objection


def rank(user: Person, place: Place | None = None) -> Rank:
    """Where `user` stands in `place`."""
    if not user.is_authenticated:
        return Rank.GUEST
    person = user
    if person.is_superuser:
        return Rank.SUPERUSER
    if person.is_staff:
        return Rank.OPERATOR
    if place is not None and _owns(person, place):
        return Rank.OWNER
    if place is not None and _granted(person, place):
        return Rank.MODERATOR
    return Rank.VIEWER


def require_above(actor: Person, target: Person, place: Place | None = None) -> None:
    """Raises Refused(FORBIDDEN) unless `actor` outranks `target`: a moderator never acts on the owner or an operator."""
    if actor == target or rank(actor, place) <= rank(target, place):
        raise Refused(Code.FORBIDDEN, why=_("You cannot do this to someone of your rank or above"))


def operator_powers(user: Person) -> frozenset[str]:
    """The powers of the operator groups `user` is in; asked once for each loaded user."""
    if not (user.is_authenticated and user.is_staff and user.is_active):
        return frozenset()
    if user.is_superuser:
        return OPERATOR_POWERS
    known: frozenset[str] | None = getattr(user, "_operator_powers", None)
    if known is None:
        lists: Iterable[list[str]] = OperatorScope.objects.filter(group__user=user).values_list("powers", flat=True)
        known = frozenset(power for powers in lists for power in powers) & OPERATOR_POWERS
        setattr(user, "_operator_powers", known)  # noqa: B010 - a cache, not a field
    return known


def _objection(user: Person, power: Power, place: Place | None, device: str) -> Refused | None:
    if _is_closed_to(user, place):
        return Refused(Code.NOT_FOUND)
    if not user.is_authenticated and power is not Power.WATCH:
        return Refused(Code.LOGIN_REQUIRED)
    why = None if power is Power.WATCH else _no_right(cast(User, user), power, place)
    if why is not None:
        return Refused(Code.FORBIDDEN, why=why)
    return _sanctioned(user, power, place, device)


def _is_closed_to(user: Person, place: Place | None) -> bool:
    """A rehearsal is there for those with a grant alone; operators and everybody else do not even learn of it."""
    if not getattr(place, "is_rehearsal", False):
        return False
    return not (user.is_authenticated and cast(RoomPlace, place).granted_powers(user.pk))


def _no_right(user: User, power: Power, place: Place | None) -> str | None:
    """Why the person's role does not hold this power; None when it does."""
    if not user.is_active:
        return _("This account is closed")
    if power in TALKING:
        return None
    if power in BUYING:
        return _no_buying(user, power, place)
    if power in operator_powers(user):
        return None
    if place is None:
        return None if _holds_without_place(user, power) else _("You do not have this right")
    return None if power in _place_powers(user, place) else _("You do not have this right here")


def _no_buying(user: User, power: Power, place: Place | None) -> str | None:
    if user.is_staff:
        return _("Operators do not buy or claim")
    if place is not None and _owns(user, place):
        if not _is_room(place):
            return _("You cannot buy your own goods")
        # An anchor may buy in her own room at the regular price.
        return _("Deals in your own room are for your viewers") if power is Power.CLAIM else None
    return None


def _holds_without_place(user: User, power: Power) -> bool:
    return power is Power.SEE_EARNINGS or (power is Power.GO_LIVE and user.is_anchor)


def _place_powers(user: User, place: Place) -> frozenset[str]:
    if _owns(user, place):
        return ANCHOR_POWERS if _is_room(place) else MERCHANT_POWERS
    return _granted(user, place)


def _granted(user: User, place: Place) -> frozenset[str]:
    return cast(RoomPlace, place).granted_powers(user.pk) & MODERATOR_POWERS if _is_room(place) else frozenset()


def _is_room(place: Place) -> bool:
    return hasattr(place, "anchor_id")


def _owns(user: User, place: Place) -> bool:
    owner_id = cast(RoomPlace, place).anchor_id if _is_room(place) else cast(ShopPlace, place).owner_id
    return bool(owner_id == user.pk)


def _sanctioned(user: Person, power: Power, place: Place | None, device: str) -> Refused | None:
    """The ban or mute that stands in the way. What an operator or owner does is not stopped by a shared device."""
    person = user if user.is_authenticated else None
    if person is None and not device:
        return None
    if person is not None and rank(person, place) >= Rank.OWNER:
        device = ""
    scope = f"room:{cast(RoomPlace, place).public_id}" if place is not None and _is_room(place) else sanctions.PLATFORM
    found = sanctions.active_all(scope=scope, user=person, device=device)
    for sanction in found:
        if sanction.kind == SanctionKind.BAN:
            return Refused(Code.BANNED, **sanction_facts(sanction, place))
    for sanction in found:
        if power is Power.CHAT:
            return Refused(Code.MUTED, **sanction_facts(sanction, place))
    return None


def sanction_facts(sanction: Sanction, place: Place | None = None) -> dict[str, Any]:
    """What the sanctioned person is told: the rule, until when, and by which role; never who exactly."""
    if sanction.scope == sanctions.PLATFORM:
        by = _("the platform")
    elif place is not None and _is_room(place) and cast(RoomPlace, place).anchor_id == sanction.actor_id:
        by = _("the anchor")
    else:
        by = _("a moderator")
    ends = sanction.expires_at
    until = date_format(timezone.localtime(ends), "Y-m-d H:i") if ends else _("it is lifted")
    return {"rule": sanction.rule, "until": until, "by": by}
