"""The panels of the studio: name → template and what it shows. All are small and drawn again whenever something touched them."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import MODERATOR_POWERS
from catalog import products
from catalog.models import ProductPicture
from catalog.words import normalise
from liveshop import wiring
from rooms import moderation, presence, stage, stats
from rooms.models import ChatLine, ChatState, Pin, RoomWord, ShelfItem, Show
from rooms.studio import deeds, drawing, preflight
from rooms.studio.desk import Desk
from rooms.video import desk as videodesk

Context = dict[str, Any]
QUESTION_SIGNS = ("?", "？", "吗", "呢", "几号", "多少", "什么", "怎么", "哪")


def head(desk: Desk) -> Context:
    """State, running time and the last deed."""
    return {"show": desk.show, "running": desk.is_running, "deed": next(iter(deeds.last(desk.room, 1)), None)}


def stage_preview(desk: Desk) -> Context:
    """What viewers have before them: the pinned product's picture, else the cover."""
    pin = Pin.objects.filter(room=desk.room, ended_at=None).select_related("item__product").first()
    picture = ProductPicture.objects.filter(product_id=pin.item.product_id).first() if pin else None
    return {"show": desk.show, "running": desk.is_running, "pin": pin, "picture": picture.path if picture else desk.room.cover}


def before(desk: Desk) -> Context:
    """The checklist and the button; after going live nothing."""
    show = desk.show
    title = show.title if show else desk.room.title
    checks = preflight.checks(desk.room, title)
    return {
        "show": show,
        "running": desk.is_running,
        "checks": checks,
        "title": title,
        "ready": all(check.is_ok or not check.blocks for check in checks),
    }


def video(desk: Desk) -> Context:
    """The stream and how to begin one."""
    return {"running": desk.is_running, **videodesk.panel(desk)}


def kpi(desk: Desk) -> Context:
    """The figures of the running show, else of the last one."""
    show = shown(desk)
    return {"show": show, "numbers": stats.numbers(show, online=presence.online(desk.room.pk)) if show else None}


def curve(desk: Desk) -> Context:
    """The minute curve with its marks."""
    show = shown(desk)
    return {"show": show, "drawing": drawing.draw(show) if show else None}


def shelf(desk: Desk) -> Context:
    """The shelf as a table; alliance goods carry what a sale earns."""
    pictures = Prefetch("product__pictures", queryset=ProductPicture.objects.filter(position=0), to_attr="covers")
    items = list(
        ShelfItem.objects.filter(room=desk.room, is_listed=True)
        .select_related("product__shop")
        .prefetch_related(pictures, "product__skus")
        .order_by("position", "number")
    )
    plans = wiring.load(wiring.SHELF_SOURCES)(desk.room)
    rows = [_good(item, plans.get(item.pk)) for item in items]
    pin = Pin.objects.filter(room=desk.room, ended_at=None).select_related("by").first()
    return {"rows": rows, "pin": pin, "pinned_id": pin.item_id if pin else None}


def modes(desk: Desk) -> Context:
    """Chat modes; drawn from the row as it is now."""
    desk.room.refresh_from_db()
    return {"slow_modes": moderation.SLOW_MODES_S, "word_count": RoomWord.objects.filter(room=desk.room).count()}


def words(desk: Desk) -> Context:
    return {"words": RoomWord.objects.filter(room=desk.room).order_by("word")}


def moderators(desk: Desk) -> Context:
    grants = desk.room.moderators.select_related("user", "granted_by").order_by("created_at")
    named = power_names()
    rows = [{"grant": grant, "names": [named[power] for power in grant.powers if power in named]} for grant in grants]
    return {"rows": rows, "powers": sorted(named.items()), "now": timezone.now()}


def sanctions(desk: Desk) -> Context:
    return {"sanctions": moderation.in_force(desk.room)}


def notice(desk: Desk) -> Context:
    desk.room.refresh_from_db(fields=["notice"])
    return {}


def questions(desk: Desk) -> Context:
    """What is being asked, the same question counted once: the newest wording with its number of askers."""
    lines = ChatLine.objects.filter(
        room=desk.room, state=ChatState.SHOWN, user__isnull=False, at__gte=timezone.now() - timedelta(minutes=15)
    )
    texts: dict[str, str] = {}
    askers: Counter[str] = Counter()
    for text in lines.exclude(user_id=desk.room.anchor_id).order_by("-pk").values_list("text", flat=True)[:500]:
        if any(sign in text for sign in QUESTION_SIGNS):
            key = normalise(text).rstrip("?？!！。~～ ")
            texts.setdefault(key, text)
            askers[key] += 1
    return {"questions": [(texts[key], count) for key, count in askers.most_common(6)]}


def log(desk: Desk) -> Context:
    return {"deeds": deeds.last(desk.room)}


PANELS: dict[str, tuple[str, Callable[[Desk], Context]]] = {
    "head": ("studio/_head.html", head),
    "stage": ("studio/_stage.html", stage_preview),
    "preflight": ("studio/_preflight.html", before),
    "video": ("studio/_video.html", video),
    "kpi": ("studio/_kpi.html", kpi),
    "curve": ("studio/_curve.html", curve),
    "shelf": ("studio/_shelf.html", shelf),
    "modes": ("studio/_modes.html", modes),
    "words": ("studio/_words.html", words),
    "moderators": ("studio/_moderators.html", moderators),
    "sanctions": ("studio/_sanctions.html", sanctions),
    "notice": ("studio/_notice.html", notice),
    "questions": ("studio/_questions.html", questions),
    "log": ("studio/_log.html", log),
}


def shown(desk: Desk) -> Show | None:
    """The running show, else the last that was on air."""
    shows = Show.objects.filter(room=desk.room)
    return shows.filter(state__in=stage.RUNNING).first() or shows.exclude(started_at=None).order_by("-started_at").first()


def power_names() -> dict[str, str]:
    """What a moderator may be given, in words."""
    names = {
        "pin": _("Pin products"),
        "shelf": _("Edit the shelf"),
        "drop": _("Drop deals and coupons"),
        "stock": _("Change stock"),
        "mute": _("Mute"),
        "ban": _("Ban"),
        "delete_chat": _("Delete chat lines"),
        "room_modes": _("Chat modes, words, notice"),
        "freeze_deal": _("Freeze deals"),
    }
    return {power: name for power, name in names.items() if power in MODERATOR_POWERS}


def _good(item: ShelfItem, plan: Any) -> dict[str, Any]:
    """A row of the shelf; its price is the one that viewers see on theirs."""
    skus = list(item.product.skus.all())
    sku = products.shown_sku(skus)
    price_fen = sku.price_fen if sku else 0
    return {
        "item": item,
        "price_fen": price_fen,
        "stock": sum(sku.stock_available for sku in skus),
        "plan": plan,
        "earns_fen": plan.earns_fen(price_fen) if plan else None,
    }
