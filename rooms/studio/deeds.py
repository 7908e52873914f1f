"""What was done last and by whom, in words: the room's events as the operators read them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from rooms.models import Room, RoomEvent


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the log; `who` is empty for the system itself."""

    who: str
    what: str
    at: datetime


def last(room: Room, count: int = 12) -> list[Deed]:
    """The newest deeds first."""
    events = RoomEvent.objects.filter(room=room).select_related("actor").order_by("-seq")[:count]
    return [Deed(who=event.actor.nickname if event.actor else "", what=words(event.kind, event.facts), at=event.at) for event in events]


def words(kind: str, facts: dict[str, Any]) -> str:
    """The event in the operators' language."""
    template = _texts().get(kind, "")
    thing = facts.get("title") or facts.get("who") or facts.get("word") or ""
    return " ".join((template % {"number": facts.get("number", ""), "thing": thing}).split())


def _texts() -> dict[str, str]:
    return {
        "show_planned": _("planned the show %(thing)s"),
        "show_cancelled": _("took back the show %(thing)s"),
        "show_started": _("went live"),
        "show_interrupted": _("signal lost"),
        "show_resumed": _("signal back"),
        "show_ended": _("ended the show"),
        "room_banned": _("closed the room"),
        "room_unbanned": _("opened the room again"),
        "video_started": _("the picture is on air"),
        "replay_ready": _("the replay is ready"),
        "pinned": _("pinned no. %(number)s"),
        "unpinned": _("took the pin away"),
        "shelf_changed": _("changed the shelf"),
        "cover_changed": _("changed the cover"),
        "notice_changed": _("wrote the notice"),
        "modes_changed": _("switched the chat modes"),
        "words_changed": _("edited the word list: %(thing)s"),
        "moderators_changed": _("changed the moderators: %(thing)s"),
        "person_muted": _("muted %(thing)s"),
        "person_banned": _("banned %(thing)s"),
        "sanction_lifted": _("lifted the sanction of %(thing)s"),
        "drop_pressed": _("dropped %(thing)s"),
        "drop_undone": _("took a drop back"),
        "deal_frozen": _("froze a deal"),
        "deal_unfrozen": _("unfroze a deal"),
        "deal_ended": _("a deal ended"),
        "deal_sold_out": _("a deal sold out"),
        "deal_restocked": _("a deal has units again"),
        "coupon_ended": _("a coupon ended"),
        "stock_changed": _("stock or price changed"),
    }
