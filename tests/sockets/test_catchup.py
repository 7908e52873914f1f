"""For every kind of room event: the page as it was, with what catching up brings, is the page as it is now."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.utils import timezone

from accounts.access import Power
from accounts.models import User
from campaigns import announcements, coupons, deals, drops
from campaigns.models import Deal, Drop
from orders import announcing
from rooms import events, moderation, opening, shelf, stage
from rooms.models import ChatLine, Recording, Room, RoomEvent
from rooms.realtime import recovery
from rooms.video import replays, sessions
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


class Evening:
    """A live room with a shelf, a pin, a deal and a coupon, and the people who act in it."""

    def __init__(self, room: Room, viewer: User, operator: User) -> None:
        self.room, self.anchor, self.viewer, self.operator = room, room.anchor, viewer, operator
        self.shop = cast.make_shop(self.anchor)
        self.items = [shelf.add_item(room=room, product=cast.make_product(self.shop, title=f"苹果{n}"), by=self.anchor) for n in (1, 2)]
        stage.pin(room=room, item=self.items[0], by=self.anchor)
        self.deal = deals.plan(room=room, sku=self.items[0].product.skus.get(), by=self.anchor, total=5)
        self.coupon = coupons.plan(
            title="满20减5",
            target=coupons.Target(shop=self.shop),
            room=room,
            by=self.anchor,
            off_fen=500,
            threshold_fen=2000,
            total=10,
            valid_days=7,
        )

    def open_deal(self) -> Drop:
        return drops.press(drop=Drop.objects.get(deal=self.deal), by=self.anchor)

    def open_coupon(self) -> None:
        drops.press(drop=drops.plan(room=self.room, coupon=self.coupon, by=self.anchor), by=self.anchor)

    def set_units(self, **units: int) -> None:
        Deal.objects.filter(pk=self.deal.pk).update(**units)


Act = Callable[[Evening], Any]


def nothing(evening: Evening) -> None:
    """The evening as it is."""


def stream(evening: Evening) -> None:
    """An encoder's pictures arrive."""
    sessions.put_on_air(session=sessions.open_session(room=evening.room, source="encoder"))


def record(evening: Evening) -> None:
    """The last recording of the show that is over is finished."""
    show = evening.room.shows.latest("pk")
    row = Recording.objects.create(room=evening.room, show=show, path="room/a.mp4", mime="video/mp4")
    replays.finish(row, 60_000, 1_000_000)


# kind → (what happened before the page was drawn, what makes the event)
CASES: dict[str, tuple[Act, Act]] = {
    "show_planned": (
        lambda e: stage.end_show(room=e.room, by=e.anchor),
        lambda e: stage.plan_show(room=e.room, by=e.anchor, title="明晚八点", planned_at=timezone.now() + timedelta(days=1)),
    ),
    "show_cancelled": (
        lambda e: (
            stage.end_show(room=e.room, by=e.anchor),
            stage.plan_show(room=e.room, by=e.anchor, title="明晚八点", planned_at=timezone.now() + timedelta(days=1)),
        ),
        lambda e: stage.cancel_show(room=e.room, show=e.room.shows.get(title="明晚八点"), by=e.anchor),
    ),
    "show_started": (lambda e: stage.end_show(room=e.room, by=e.anchor), lambda e: stage.go_live(room=e.room, by=e.anchor)),
    "show_interrupted": (nothing, lambda e: stage.interrupt(room=e.room, by=e.anchor)),
    "show_resumed": (lambda e: stage.interrupt(room=e.room, by=e.anchor), lambda e: stage.resume(room=e.room, by=e.anchor)),
    "show_ended": (nothing, lambda e: stage.end_show(room=e.room, by=e.anchor)),
    "room_banned": (nothing, lambda e: stage.ban_room(room=e.room, by=e.operator, reason="虚假宣传")),
    "room_unbanned": (
        lambda e: stage.ban_room(room=e.room, by=e.operator, reason="虚假宣传"),
        lambda e: stage.unban_room(room=e.room, by=e.operator, reason="申诉成立"),
    ),
    "video_started": (nothing, stream),
    "replay_ready": (lambda e: stage.end_show(room=e.room, by=e.anchor), record),
    "pinned": (nothing, lambda e: stage.pin(room=e.room, item=e.items[1], by=e.anchor)),
    "unpinned": (nothing, lambda e: stage.unpin(room=e.room, by=e.anchor)),
    "shelf_changed": (nothing, lambda e: shelf.remove_item(room=e.room, item=e.items[0], by=e.anchor)),
    "cover_changed": (nothing, lambda e: opening.set_cover(room=e.room, by=e.anchor, path="img/blank.svg")),
    "notice_changed": (nothing, lambda e: stage.set_notice(room=e.room, by=e.anchor, text="今晚全场包邮")),
    "modes_changed": (nothing, lambda e: moderation.set_modes(room=e.room, by=e.anchor, slow_mode_s=10)),
    "words_changed": (nothing, lambda e: moderation.add_word(room=e.room, word="加微信", by=e.anchor)),
    "moderators_changed": (nothing, lambda e: moderation.grant_moderator(room=e.room, user=e.viewer, powers=[Power.MUTE], by=e.anchor)),
    "person_muted": (nothing, lambda e: moderation.mute(room=e.room, user=e.viewer, by=e.anchor, minutes=5, rule="刷屏")),
    "person_banned": (nothing, lambda e: moderation.ban(room=e.room, user=e.viewer, by=e.anchor, rule="刷屏")),
    "sanction_lifted": (
        lambda e: moderation.mute(room=e.room, user=e.viewer, by=e.anchor, minutes=5, rule="刷屏"),
        lambda e: moderation.unmute(room=e.room, sanction=moderation.in_force(e.room)[0], by=e.anchor),
    ),
    "drop_pressed": (nothing, lambda e: e.open_deal()),
    "drop_undone": (lambda e: e.open_deal(), lambda e: drops.undo(drop=Drop.objects.get(deal=e.deal), by=e.anchor)),
    "deal_frozen": (lambda e: e.open_deal(), lambda e: deals.freeze(deal=e.deal, by=e.operator, reason="价格错误")),
    "deal_unfrozen": (
        lambda e: (e.open_deal(), deals.freeze(deal=e.deal, by=e.operator)),
        lambda e: deals.unfreeze(deal=e.deal, by=e.operator),
    ),
    "deal_ended": (lambda e: e.open_deal(), lambda e: deals.end(deal=e.deal, by=e.anchor)),
    "deal_sold_out": (
        lambda e: e.open_deal(),
        lambda e: (e.set_units(available=0, held=5), announcements.sold_out(target_of(e.deal))),
    ),
    "deal_restocked": (
        lambda e: (e.open_deal(), e.set_units(available=0, held=5)),
        lambda e: (e.set_units(available=1, held=4), announcements.restocked(e.deal.pk)),
    ),
    "coupon_ended": (lambda e: e.open_coupon(), lambda e: coupons.end(coupon=e.coupon, by=e.anchor)),
    "stock_changed": (nothing, lambda e: (sell_out(e), announcing.show_stock(e.room.pk))),
}


def target_of(deal: Deal) -> Any:
    return announcements.Target(announcements.Kind.DEAL, deal.pk)


def sell_out(evening: Evening) -> None:
    evening.items[0].product.skus.update(stock_available=0, stock_sold=95)


def page(room: Room) -> dict[str, str]:
    """All panels as a page opened now would have them; the clock's own texts are left out."""
    connection.close()
    caches["process"].clear()
    return {name: without_clock(html) for name, html in recovery.read(room.pk, "zh-hans").panels.items()}


def without_clock(html: str) -> str:
    return re.sub(r'data-now="[^"]*"', "", html)


@pytest.mark.parametrize("kind", events.KINDS)
def test_the_old_page_and_what_catching_up_brings_are_the_new_page(kind: str, room: Room, viewer: User, operator: User) -> None:
    prepare, act = CASES[kind]
    evening = Evening(room, viewer, operator)
    prepare(evening)
    before, seq = page(room), Room.objects.get(pk=room.pk).seq
    act(evening)
    assert kind in RoomEvent.objects.filter(room=room, seq__gt=seq).values_list("kind", flat=True)
    caught_up = recovery.read(room.pk, "zh-hans").since(seq, "")
    assert caught_up["seq"] == Room.objects.get(pk=room.pk).seq
    touched = {name: without_clock(html) for name, html in caught_up["panels"].items()}
    assert before | touched == page(room)


def test_every_kind_has_a_case() -> None:
    assert set(CASES) == set(events.KINDS)


def test_lines_taken_away_meanwhile_are_told(room: Room, viewer: User) -> None:
    lines = [ChatLine.objects.create(room=room, user=viewer, text=text) for text in ("第一", "第二", "第三")]
    before = recovery.read(room.pk, "zh-hans")
    moderation.delete_line(room=room, line=lines[1], by=room.anchor)
    caught_up = recovery.read(room.pk, "zh-hans").since(before.seq, lines[2].public_id)
    assert (caught_up["chat"], caught_up["gone"]) == ([], [lines[1].public_id])


def test_everybody_reads_old_lines_in_her_own_language(room: Room) -> None:
    ChatLine.objects.create(room=room, user=room.anchor, text="欢迎")
    told = {language: recovery.read(room.pk, language).lines[0]["html"] for language in ("en", "zh-hans")}
    assert ">Anchor<" in told["en"]
    assert ">主播<" in told["zh-hans"]
