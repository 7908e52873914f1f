"""What one person sees when she opens a room: shared panels, the last chat lines, and her own state."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.utils.safestring import mark_safe
from django.utils.translation import get_language

from accounts.models import User
from catalog.models import Shop
from liveshop import wiring
from rooms import chat, follows, panels, presence, reminders
from rooms.models import ChatLine, Pin, Room, Show, ShowState
from rooms.video import replays, sessions, tier

CHAT_LINES = 50


@dataclass(frozen=True, slots=True)
class RoomView:
    """Everything `rooms/room.html` draws. `seq` was read before the panels, so that live events can only repeat, never miss."""

    seq: int
    panels: dict[str, str]
    lines: list[ChatLine]
    show: Show | None
    hero: str
    shelf_count: int
    sellers: list[Shop]
    online: int
    is_following: bool
    is_reserved: bool
    mine: str
    live_path: str
    has_video: bool
    rewinds: bool


def view(room: Room, viewer: User | AnonymousUser) -> RoomView:
    """The room as `viewer` sees it now, in the active language."""
    language = get_language() or "zh-hans"
    seq = Room.objects.values_list("seq", flat=True).get(pk=room.pk)
    show = panels.shown_show(room)
    user = viewer if isinstance(viewer, User) else None
    return RoomView(
        seq=seq,
        panels={name: panels.render(room, name, language) for name in wiring.ROOM_PANELS},
        lines=chat.recent(room, limit=CHAT_LINES),
        show=show,
        hero=hero(room),
        shelf_count=room.shelf_items.filter(is_listed=True).count(),
        sellers=panels.sellers(room),
        online=presence.online(room.pk),
        is_following=bool(user and follows.is_following(room.pk, user.pk)),
        is_reserved=bool(user and show and reminders.is_reserved(show, user)),
        mine=_mine(room, user),
        live_path=tier.current().ladder(room.public_id).live,
        has_video=bool(show and is_moving(show)),
        rewinds=replays.can_rewind(show),
    )


def is_moving(show: Show) -> bool:
    """Whether the show has a picture now."""
    return show.state == ShowState.LIVE and sessions.on_air(show) is not None


def hero(room: Room) -> str:
    """The room's large picture: the pinned product's, else the room's cover, else the first product's."""
    pin = Pin.objects.filter(room=room, ended_at=None).select_related("item").first()
    item = pin.item if pin else None
    if item is None and room.cover:
        return room.cover
    item = item or room.shelf_items.filter(is_listed=True).first()
    picture = item.product.pictures.first() if item else None
    return picture.path if picture else ""


def _mine(room: Room, user: User | None) -> str:
    if user is None:
        return ""
    drawn: str = wiring.load(wiring.PERSONAL_PANEL)(room, user)
    return mark_safe(drawn)  # drawn by templates, which have escaped what people wrote
