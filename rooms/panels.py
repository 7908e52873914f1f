"""Panels: the regions of a room page. One partial draws the page, the live update and the recovery, without request or viewer."""

from dataclasses import dataclass, field
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from catalog.models import Shop
from liveshop import wiring
from liveshop.wiring import ROOM_PANELS
from rooms import upcoming
from rooms.models import Pin, Room, Show, ShowState
from rooms.video import addresses, replays, sessions, tier


@dataclass(frozen=True, slots=True)
class Panel:
    """What to draw and with what."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)


def names() -> list[str]:
    """All panels of a room page, in the order of `wiring.ROOM_PANELS`."""
    return list(ROOM_PANELS)


def render(room: Room, name: str, language: str) -> str:
    """The panel's inner HTML in one language. Raises KeyError for an unknown panel."""
    with translation.override(language):
        panel: Panel = wiring.load(ROOM_PANELS[name])(room)
        return render_to_string(panel.template, {"room": room, **panel.context})


def replay_deals(show: Show) -> str:
    """What a show's replay tells of its deals, in the active language; empty without any."""
    panel: Panel = wiring.load(wiring.REPLAY_DEALS)(show)
    return render_to_string(panel.template, panel.context)


def stage(room: Room) -> Panel:
    """State, picture and countdown of the stage."""
    if room.is_rehearsal:
        return Panel("rooms/_rehearsal_stage.html")
    show = shown_show(room)
    stream = sessions.on_air(show) if show and show.state == ShowState.LIVE else None
    context = {
        "show": show,
        "state": ShowState(show.state) if show else None,
        "states": ShowState,
        "stream": stream,
        "has_replay": replays.has_film(show),
    }
    return Panel("rooms/_stage.html", context | (_moving(room, show) if show and stream else {}))


def _moving(room: Room, show: Show) -> dict[str, str]:
    """Where the picture comes from, and where the show's beginning can be had: a demo is not recorded, an external server's file comes after the show."""
    ladder = tier.current().ladder(room.public_id)
    has_film = ladder.live and not show.is_demo
    still = addresses.still_path(room.public_id) if ladder.live else ""
    return {"hls": ladder.hls, "still": still, "film": reverse("replay_film", args=[room.slug, show.public_id]) if has_film else ""}


def notice(room: Room) -> Panel:
    """The notice board; who sells and ships what is shown now; the anchor's own shop and the belts of the shelf."""
    shops = sellers(room)
    own = next((shop for shop in shops[1:] if shop.owner_id == room.anchor_id), None)
    belts = list(dict.fromkeys(shop.belt for shop in shops if shop.belt))
    return Panel("rooms/_notice.html", {"seller": shops[0] if shops else None, "own": own, "belts": belts})


def sellers(room: Room) -> list[Shop]:
    """The shops on the shelf: the pinned product's first, then the anchor's own, then her partners by name."""
    pinned = Pin.objects.filter(room=room, ended_at=None).values_list("item__product__shop_id", flat=True).first()
    items = room.shelf_items.filter(is_listed=True).select_related("product__shop__belt")
    shops = {item.product.shop for item in items}
    return sorted(shops, key=lambda shop: (shop.pk != pinned, shop.owner_id != room.anchor_id, shop.name))


def shown_show(room: Room) -> Show | None:
    """What the stage is about: the live show, else the next planned one, else the last that ended."""
    shows = Show.objects.filter(room=room)
    live = shows.filter(state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).first()
    return (
        live
        or upcoming.planned(room).first()
        or shows.filter(state__in=[ShowState.ENDED, ShowState.BANNED]).order_by("-ended_at", "-pk").first()
    )
