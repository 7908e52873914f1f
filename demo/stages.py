"""The demo's rooms: shows in every state, shelves, pins, talk, followers, plans, coupons and a planned deal."""

import random
from datetime import timedelta
from typing import Any

from accounts.models import User
from alliance import plans, pool
from alliance.models import Plan, PlanState
from campaigns import coupons, deals, drops
from campaigns.models import Coupon, Deal
from catalog.models import Product, Shop, Sku
from demo.seeding import content, powers_of_a_moderator
from liveshop.clock import now
from rooms import shelf, stage
from rooms.models import ChatLine, Follow, ModeratorGrant, Room, ShelfItem, Show, ShowState

SOON_MINUTES = {"zhenzhen": 40, "guoge": 26 * 60}
OTHERS_GOODS = 3
MAX_FEN = 10**9


def room(anchor: User, shop: Shop, entry: dict[str, Any]) -> Room:
    """The anchor's room."""
    notice = f"{entry['bio']}。{shop.ships_from}发货，坏单包赔。"
    if "footage" in entry:
        notice += f" {entry['footage']['credit']}"
    made, _is_new = Room.objects.get_or_create(
        anchor=anchor,
        defaults={
            "slug": entry["slug"],
            "title": f"{entry['nickname']}的直播间",
            "notice": notice,
            "seller_name": shop.operator_name,
            "follower_count": entry["followers"],
            "like_total": entry["followers"] * 7,
        },
    )
    return made


def fill_shelf(room: Room, goods: list[Product]) -> None:
    """The shop's own goods, in their order."""
    for product in goods:
        if not ShelfItem.objects.filter(room=room, product=product).exists():
            shelf.add_item(room=room, product=product, by=room.anchor)


def open_plan(product: Product, rate_permille: int) -> None:
    """The product may be promoted by others."""
    if plans.open_for(product.pk) is None:
        plans.open_plan(product=product, rate_permille=rate_permille, by=product.shop.owner)


def pick_from_the_pool(room: Room, entry: dict[str, Any]) -> None:
    """A few goods of other shops that fit what the room sells, so that the alliance is seen at work."""
    if ShelfItem.objects.filter(room=room, offer__isnull=False).exists():
        return
    others = Plan.objects.filter(state=PlanState.OPEN, product__category__slug__in=entry["promotes"])
    dear = Sku.objects.filter(price_fen__gt=entry["promotes_to_fen"] or MAX_FEN)
    fitting = list(others.exclude(product__shop__owner=room.anchor).exclude(product__skus__in=dear).order_by("id"))
    for plan in random.Random(room.slug).sample(fitting, min(OTHERS_GOODS, len(fitting))):
        pool.pick(plan=plan, room=room, by=room.anchor)


def show(room: Room, entry: dict[str, Any]) -> None:
    """The show in the state the content says; a passed date is moved on, a room that should be live goes live again."""
    present = stage.current_show(room)
    if entry["state"] == "live" and present is not None and present.state == ShowState.INTERRUPTED:
        stage.resume(room=room)  # the site was stopped, and with it the demo's stream
    elif entry["state"] == "live" and (present is None or present.state != ShowState.LIVE):
        stage.go_live(room=room, by=room.anchor, title=entry["title"])
    elif entry["state"] == "soon":
        Show.objects.filter(room=room, state=ShowState.UPCOMING, planned_at__lte=now()).delete()
        if not Show.objects.filter(room=room, state=ShowState.UPCOMING).exists():
            later = now() + timedelta(minutes=SOON_MINUTES.get(room.slug, 90))
            stage.plan_show(room=room, by=room.anchor, title=entry["title"], planned_at=later)
    elif entry["state"] == "ended" and not room.shows.exists():
        stage.go_live(room=room, by=room.anchor, title=entry["title"])
        stage.end_show(room=room, by=room.anchor)
        room.shows.update(started_at=now() - timedelta(hours=5), ended_at=now() - timedelta(hours=3))
    room.shows.update(is_demo=True)


def pin(room: Room) -> None:
    """Something is shown in every live room."""
    if room.shows.filter(state=ShowState.LIVE).exists() and not room.pins.filter(ended_at=None).exists():
        first = room.shelf_items.filter(is_listed=True).select_related("product", "room").first()
        if first:
            stage.pin(room=room, item=first, by=room.anchor)


def talk(room: Room, viewers: list[User]) -> None:
    """What was said in the last minutes."""
    said = content("lines").get(room.slug, [])
    if room.chat_lines.exists() or not said:
        return
    live = stage.current_show(room)
    begin = now() - timedelta(minutes=4)
    rows = [
        ChatLine(
            room=room, show=live, user=viewers[(n * 7 + len(room.slug)) % len(viewers)], text=text, at=begin + timedelta(seconds=15 * n)
        )
        for n, text in enumerate(said)
    ]
    ChatLine.objects.bulk_create(rows)


def talk_of(category: str) -> dict[str, list[str]]:
    """What is said by the anchor, asked and praised where goods of this category are shown; "": anywhere."""
    found = content("trade")
    anywhere, here = found[""], found.get(category, {})
    return {topic: anywhere.get(topic, []) + here.get(topic, []) for topic in ("anchor", "questions", "praise")}


def followers(room: Room, viewers: list[User]) -> None:
    """Some demo viewers follow the room, counted within its followers."""
    loyal = random.Random(room.slug).sample(viewers[2:], min(len(viewers) - 2, 6 + room.follower_count // 6000))
    Follow.objects.bulk_create([Follow(room=room, user=viewer) for viewer in loyal], ignore_conflicts=True)


def moderator(room: Room, user: User) -> None:
    """A moderator with everything that can be handed on."""
    ModeratorGrant.objects.get_or_create(room=room, user=user, defaults={"powers": powers_of_a_moderator(), "granted_by": room.anchor})


def occasions(room: Room) -> None:
    """A coupon that is open and a deal waiting for the anchor's press."""
    if Coupon.objects.filter(room=room).exists():
        return
    shop = room.anchor.shops.first()
    if shop is None:
        return
    coupon = coupons.plan(
        by=room.anchor,
        title="直播间专享券",
        off_fen=500,
        threshold_fen=3900,
        total=500,
        target=coupons.Target(shop=shop),
        room=room,
        valid_days=3,
    )
    drop = drops.plan(room=room, coupon=coupon, by=room.anchor)
    drops.press(drop=drop, by=room.anchor, run_s=86_400)
    item = room.shelf_items.filter(offer=None, is_listed=True).select_related("product").order_by("-number").first()
    sku = item.product.skus.select_related("product__shop").first() if item else None
    if sku and not Deal.objects.filter(room=room).exists():
        deals.plan(
            room=room,
            sku=sku,
            by=room.anchor,
            title=f"一元抢 {sku.product.title}"[:60],
            price_fen=100,
            total=20,
            run_s=300,
            per_day_limit=0,
            hold_s=120,
        )
