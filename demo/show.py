"""The director: each demo show runs by a believable script through the site's own actions, as its anchor would press them.

When a person has operated a room within the last minutes, the director leaves it to her.
"""

import asyncio
import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog

from campaigns import coupons, deals, drops
from campaigns.models import CouponState, DealState, DropState
from catalog import stock
from catalog.models import Sku
from demo import stages
from liveshop.clock import now
from liveshop.refusals import Refused
from liveshop.threads import in_thread
from rooms import chat, stage
from rooms.models import Room, RoomEvent, ShelfItem, Show, ShowState

HANDS_OFF = timedelta(minutes=3)
PAUSE_S = (22, 38)
DEAL_EVERY = 4
COUPON_EVERY = 7
ENOUGH_STOCK = 200
PLANNED_UNITS = 20
BY_HAND = [
    "pinned",
    "unpinned",
    "drop_pressed",
    "drop_undone",
    "deal_frozen",
    "show_started",
    "show_ended",
    "show_interrupted",
    "shelf_changed",
    "notice_changed",
]
OWN_KEPT = 500  # more than it does while it would keep its hands off
log = structlog.get_logger(__name__)


class Director:
    """Runs one room's show until cancelled."""

    def __init__(self, slug: str, *, pace: float = 1.0) -> None:
        self.slug = slug
        self.pace = pace
        self.turn = random.randint(0, 3)
        self.own: set[int] = set()

    async def run(self) -> None:
        while True:
            try:
                await in_thread(self.step)()
            except Exception:
                log.exception("demo_director_stumbled", room=self.slug)  # the database may be restarting; the show goes on
            await asyncio.sleep(random.uniform(*PAUSE_S) * self.pace)

    def step(self) -> None:
        """One turn of the script; a refused action is noted and the show goes on."""
        room = Room.objects.select_related("anchor").get(slug=self.slug)
        if room.is_banned or self._is_in_human_hands(room):
            return
        self.turn += 1
        acts: list[Callable[[Room], Any]] = [self._be_live, self._pin_next, self._talk, self._leave_plans]
        if self.turn % DEAL_EVERY == 0:
            acts.append(self._drop_a_deal)
        if self.turn % COUPON_EVERY == 0:
            acts.append(self._drop_a_coupon)
        for act in acts:
            before = room.seq
            try:
                act(room)
            except Refused as refused:
                log.info("demo_act_refused", act=act.__name__, room=self.slug, code=refused.code)
            room.refresh_from_db(fields=["seq"])
            self.own |= set(range(before + 1, room.seq + 1))
        self.own = {seq for seq in self.own if seq > room.seq - OWN_KEPT}

    def _is_in_human_hands(self, room: Room) -> bool:
        recent = RoomEvent.objects.filter(room=room, kind__in=BY_HAND, actor__isnull=False, at__gt=now() - HANDS_OFF)
        return recent.exclude(seq__in=self.own).filter(seq__gt=min(self.own, default=room.seq)).exists()

    def _be_live(self, room: Room) -> None:
        show = stage.current_show(room)
        if show is None:  # marked before it begins: demo shows are not recorded
            Show.objects.create(room=room, title=room.title, planned_at=now(), is_demo=True)
        if show is None or show.state != ShowState.LIVE:
            started = stage.go_live(room=room, by=room.anchor)
            type(started).objects.filter(pk=started.pk).update(is_demo=True)

    def _pin_next(self, room: Room) -> None:
        items = list(ShelfItem.objects.filter(room=room, is_listed=True).select_related("product").order_by("position"))
        if items:
            stage.pin(room=room, item=items[self.turn % len(items)], by=room.anchor)

    def _talk(self, room: Room) -> None:
        pin = room.pins.filter(ended_at=None).select_related("item__product__category").first()
        text = random.choice(stages.talk_of(pin.item.product.category.slug if pin else "")["anchor"])
        chat.say(room=room, user=room.anchor, key=uuid.uuid4(), text=text)

    def _drop_a_deal(self, room: Room) -> None:
        sku = self._own_sku(room)
        if sku is None:
            return
        if sku.stock_available < ENOUGH_STOCK:
            stock.adjust(sku=sku, change=ENOUGH_STOCK * 3, by=sku.product.shop.owner)
        deal = deals.plan(room=room, sku=sku, by=room.anchor, total=random.randint(24, 60), run_s=75, per_day_limit=0, hold_s=120)
        drops.press(drop=deal.drop, by=room.anchor, opens_in_s=12, run_s=75)

    def _drop_a_coupon(self, room: Room) -> None:
        sku = self._own_sku(room)
        if sku is None:
            return
        coupon = coupons.plan(
            by=room.anchor, title="", off_fen=500, threshold_fen=3900, total=200, valid_days=2, room=room,
            target=coupons.Target(shop=sku.product.shop),
        )  # fmt: skip
        drops.press(drop=drops.plan(room=room, coupon=coupon, by=room.anchor), by=room.anchor, run_s=150)

    def _leave_plans(self, room: Room) -> None:
        """A deal and a coupon lie ready, for the person who takes the room over and presses D or C."""
        waiting = room.drops.exclude(state=DropState.DROPPED).exclude(deal__state=DealState.CANCELLED)
        sku = self._own_sku(room)
        if sku is None:
            return
        if not waiting.filter(deal__isnull=False).exists() and sku.stock_available >= PLANNED_UNITS:
            deals.plan(room=room, sku=sku, by=room.anchor, total=PLANNED_UNITS, run_s=300, per_day_limit=0, hold_s=120)
        if not waiting.filter(coupon__isnull=False).exclude(coupon__state=CouponState.ENDED).exists():
            coupon = coupons.plan(
                by=room.anchor, title="", off_fen=300, threshold_fen=1900, total=200, valid_days=2, room=room,
                target=coupons.Target(shop=sku.product.shop),
            )  # fmt: skip
            drops.plan(room=room, coupon=coupon, by=room.anchor)

    def _own_sku(self, room: Room) -> Sku | None:
        """A SKU of the anchor's own shop on her shelf, the pinned one if it is hers."""
        own = Sku.objects.filter(
            product__shelf_items__room=room, product__shelf_items__is_listed=True, product__shop__owner=room.anchor
        ).select_related("product__shop__owner")
        pinned = own.filter(product__shelf_items__pins__ended_at=None, product__shelf_items__pins__room=room).first()
        return pinned or own.order_by("?").first()
