import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from campaigns import deals, drops, tasks
from campaigns.models import Claim, ClaimState, Coupon, Deal, Drop
from liveshop.clock import now
from rooms.models import Room
from tests import cast
from tests.scarce import make_deal

pytestmark = pytest.mark.django_db(transaction=True)


def plan_and_press(room: Room, title: str) -> Deal:
    product = cast.make_product(room.anchor.shops.first() or cast.make_shop(room.anchor), title=title, stock=50)
    cast.make_shelf_item(room, product)
    deal = deals.plan(room=room, sku=product.skus.get(), by=room.anchor, title=title, total=5, run_s=60)
    drops.press(drop=deal.drop, by=room.anchor, run_s=60)
    return deal


def test_what_is_planned_stays_on_top_of_what_was_pressed_later(client: Client, room: Room) -> None:
    product = cast.make_product(cast.make_shop(room.anchor), stock=50)
    cast.make_shelf_item(room, product)
    planned = deals.plan(room=room, sku=product.skus.get(), by=room.anchor, title="留到最后", total=5, run_s=60)
    Deal.objects.filter(pk=planned.pk).update(created_at=now() - timedelta(days=2))
    over = plan_and_press(room, "已经结束")
    Deal.objects.filter(pk=over.pk).update(starts_at=now() - timedelta(minutes=2), ends_at=now() - timedelta(seconds=1))
    plan_and_press(room, "正在放")
    client.force_login(room.anchor)
    page = client.get(reverse("studio_drops", args=[room.slug])).content.decode()
    assert page.index("留到最后") < page.index("正在放") < page.index("已经结束")
    assert Drop.objects.get(deal=over).is_over


def test_an_anchor_without_goods_of_her_own_is_told_where_deals_come_from(client: Client, room: Room) -> None:
    client.force_login(room.anchor)
    page = client.get(reverse("studio_drops", args=[room.slug])).content.decode()
    assert reverse("shop_home") in page


@pytest.mark.parametrize("limit", [0, 3])
def test_a_planned_deal_takes_the_sites_daily_limit(client: Client, room: Room, settings: Any, limit: int) -> None:
    settings.DEALS_A_DAY = limit
    product = cast.make_product(cast.make_shop(room.anchor), stock=50)
    cast.make_shelf_item(room, product)
    client.force_login(room.anchor)
    form = {"sku": product.skus.get().public_id, "kind": 1, "price": "1", "total": 5, "run_s": 60}
    assert client.post(reverse("studio_plan_deal", args=[room.slug]), form).status_code == 200
    assert Deal.objects.get().per_day_limit == limit


def test_one_stumbling_step_does_not_stop_the_others(room: Room, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    deal = make_deal(total=1)
    claim = Claim.objects.create(deal=deal, user=viewer, key=uuid.uuid4(), place=1, expires_at=now() - timedelta(seconds=1))
    Deal.objects.update(available=0, held=1)

    def press_due() -> int:
        raise ArithmeticError

    monkeypatch.setattr(drops, "press_due", press_due)
    tasks.tick.func(0)
    claim.refresh_from_db()
    assert claim.state == ClaimState.EXPIRED


def test_a_plan_runs_as_long_as_its_anchor_chose(client: Client, room: Room) -> None:
    product = cast.make_product(cast.make_shop(room.anchor), stock=50)
    cast.make_shelf_item(room, product)
    client.force_login(room.anchor)
    form = {"sku": product.skus.get().public_id, "kind": 1, "price": "1", "total": 5, "run_s": 900}
    client.post(reverse("studio_plan_deal", args=[room.slug]), form)
    drop = Drop.objects.get()
    assert client.post(reverse("studio_drop_act", args=[room.slug, drop.public_id, "press"])).status_code == 200
    deal = Deal.objects.get()
    assert deal.starts_at is not None
    assert deal.ends_at == deal.starts_at + timedelta(seconds=900)


@pytest.mark.parametrize(("late", "opens"), [(timedelta(seconds=30), 1), (timedelta(hours=9), 0)])
def test_a_plan_whose_time_went_by_does_not_open_at_night(room: Room, late: timedelta, opens: int) -> None:
    product = cast.make_product(cast.make_shop(room.anchor), stock=50)
    cast.make_shelf_item(room, product)
    deals.plan(room=room, sku=product.skus.get(), by=room.anchor, total=5, run_s=300, at=now() + timedelta(hours=1))
    Deal.objects.update(starts_at=now() - late, ends_at=now() - late + timedelta(seconds=300))
    assert drops.press_due() == opens


@pytest.mark.parametrize(("given", "within_s"), [("45", 2700), ("", 600)])
def test_the_anchor_says_how_new_a_new_follower_is(client: Client, room: Room, given: str, within_s: int) -> None:
    cast.make_shop(room.anchor)
    client.force_login(room.anchor)
    form = {
        "off": "5",
        "threshold": "39",
        "total": 5,
        "per_person": 1,
        "audience": 10,
        "valid_days": 3,
        "run_s": 60,
        "follow_within": given,
    }
    assert client.post(reverse("studio_plan_coupon", args=[room.slug]), form).status_code == 200
    assert Coupon.objects.get().follow_within_s == within_s


def test_a_press_offers_its_way_back_in_a_toast_as_long_as_it_can_be_taken(client: Client, room: Room, settings: Any) -> None:
    product = cast.make_product(cast.make_shop(room.anchor), stock=50)
    cast.make_shelf_item(room, product)
    client.force_login(room.anchor)
    deal = deals.plan(room=room, sku=product.skus.get(), by=room.anchor, total=5, run_s=60)
    pressed = client.post(reverse("studio_drop_act", args=[room.slug, deal.drop.public_id, "press"]))
    news = json.loads(pressed.headers["HX-Trigger"])["studio"]
    assert news["undo_s"] == settings.DROP_UNDO_S
    assert client.post(news["undo"], headers={"hx-request": "true"}).status_code == 200
    deal.drop.refresh_from_db()
    assert deal.drop.pressed_at is None
    too_late = client.post(news["undo"], headers={"hx-request": "true"})
    assert too_late.status_code == 409
    assert b"studio-drops" not in too_late.content
