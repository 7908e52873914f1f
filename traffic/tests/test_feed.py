"""The first page: what is on it, for whom, and in which order."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Category
from orders.payments import simulator
from orders.tests import shop
from rooms import presence
from rooms.models import Pin, Room, Show, ShowReminder, ShowState
from tests import cast
from traffic.feed import feed

pytestmark = pytest.mark.django_db


@pytest.fixture
def online(monkeypatch):
    """People in each room, by slug."""
    counts: dict[str, int] = {}
    monkeypatch.setattr(presence, "online", lambda room_id: counts.get(Room.objects.get(pk=room_id).slug, 0))
    return counts


def page(path: str = "/", user: User | None = None) -> str:
    client = Client(headers={"accept-language": "zh-hans"})
    if user:
        client.force_login(user)
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_empty_site(db: None) -> None:
    assert "现在没有人在直播" in page()


def test_live_rooms_show_what_is_pinned_and_its_price(room: Room) -> None:
    cast.make_shelf_item(room, cast.make_product(title="红富士", price_fen=3990))
    second = cast.make_shelf_item(room, cast.make_product(title="土蜂蜜", price_fen=4900))
    Pin.objects.create(room=room, item=second, by=room.anchor)
    shown = page()
    assert "土蜂蜜" in shown
    assert "49.00" in shown
    assert "红富士" not in shown
    assert 'href="/live/axia"' in shown


def test_more_people_come_first(online) -> None:
    quiet, busy = cast.make_room(slug="quiet"), cast.make_room(slug="busy")
    online.update(quiet=3, busy=30)
    assert [card.room for card in feed().live] == [busy, quiet]


def test_banned_rooms_and_rooms_not_live_are_not_among_the_live(room: Room, online) -> None:
    cast.make_room(slug="banned", is_banned=True)
    cast.make_room(slug="off", live=False)
    assert [card.room.slug for card in feed().live] == ["axia"]


def test_an_interrupted_show_stays(room: Room, online) -> None:
    room.shows.update(state=ShowState.INTERRUPTED)
    assert [card.room.slug for card in feed().live] == ["axia"]


def test_upcoming_shows_can_be_reserved(viewer: User, anchor: User) -> None:
    room = cast.make_room(anchor, live=False, slug="soon")
    show = Show.objects.create(room=room, title="脐橙树上直播", planned_at=timezone.now() + timedelta(hours=3))
    Show.objects.create(room=room, title="过期的预告", planned_at=timezone.now() - timedelta(hours=3))
    shown = page(user=viewer)
    assert "脐橙树上直播" in shown
    assert "过期的预告" not in shown
    assert "提醒我" in shown
    ShowReminder.objects.create(show=show, user=viewer)
    assert "已预约" in page(user=viewer)
    assert [card.is_reserved for card in feed(user=viewer).upcoming] == [True]


def test_past_shows_once_a_room_and_not_while_it_is_live(room: Room, online) -> None:
    now = timezone.now()
    other = cast.make_room(live=False, slug="past")
    for hours in (5, 2):
        Show.objects.create(room=other, title=f"{hours} 小时前", state=ShowState.ENDED, ended_at=now - timedelta(hours=hours))
    Show.objects.create(room=room, title="昨天", state=ShowState.ENDED, ended_at=now - timedelta(hours=9))
    Show.objects.create(room=cast.make_room(live=False), title="上个月", state=ShowState.ENDED, ended_at=now - timedelta(days=30))
    assert [card.show.title for card in feed().ended] == ["2 小时前"]


def test_going_on_to_the_next_room_goes_round(online, client) -> None:
    for slug, people in {"a": 30, "b": 20, "c": 10}.items():
        cast.make_room(slug=slug)
        online[slug] = people
    assert [client.get(f"/next/{slug}").headers["location"] for slug in ("a", "b", "c", "gone")] == [
        "/live/b",
        "/live/c",
        "/live/a",
        "/live/a",
    ]


def test_alone_the_next_room_is_the_feed(room: Room, online, client) -> None:
    assert client.get("/next/axia").headers["location"] == "/"


def test_a_category_shows_its_rooms_only(room: Room, online) -> None:
    tea = Category.objects.create(slug="tea", name="茶")
    cast.make_shelf_item(room)
    cast.make_shelf_item(cast.make_room(slug="laolin"), cast.make_product(category=tea, title="铁观音"))
    assert {category.slug for category in feed().categories} == {"fruit", "tea"}
    assert [card.room.slug for card in feed(category="tea").live] == ["laolin"]
    shown = page("/?c=tea")
    assert "/live/laolin" in shown
    assert "/live/axia" not in shown


def test_a_room_with_nothing_on_its_shelf_is_still_a_card(room: Room) -> None:
    assert 'href="/live/axia"' in page()


def test_queries_do_not_grow_with_the_rooms(django_assert_max_num_queries, online, monkeypatch) -> None:
    monkeypatch.setattr(presence, "online", lambda room_id: 0)
    for n in range(8):
        cast.make_shelf_item(cast.make_room(slug=f"r{n}"))
    page()
    with django_assert_max_num_queries(16):
        page()


def test_the_manifest_names_icons_that_exist(client) -> None:
    from django.contrib.staticfiles import finders

    manifest = client.get("/manifest.webmanifest").json()
    for icon in manifest["icons"]:
        assert finders.find(icon["src"].removeprefix("/static/")), icon
    assert manifest["start_url"] == "/"


@pytest.mark.parametrize("path", ["/", "/reserved"])
@pytest.mark.parametrize(
    ("state", "is_told"), [(ShowState.UPCOMING, False), (ShowState.LIVE, True), (ShowState.INTERRUPTED, True), (ShowState.ENDED, False)]
)
def test_a_reserved_show_is_told_while_it_is_on(path: str, state: ShowState, is_told: bool, room: Room, viewer: User) -> None:
    room.shows.all().delete()
    ShowReminder.objects.create(show=Show.objects.create(room=room, title="明晚", state=state, planned_at=timezone.now()), user=viewer)
    assert ("你预约的直播开始了" in page(path, viewer)) is is_told
    assert "你预约的直播开始了" not in page(path, cast.make_user())
    assert "你预约的直播开始了" not in page(path)


def test_a_banned_room_is_not_announced(room: Room, viewer: User) -> None:
    ShowReminder.objects.create(show=room.shows.get(), user=viewer)
    Room.objects.update(is_banned=True)
    assert "你预约的直播开始了" not in page("/", viewer)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/", "/reserved"])
def test_money_that_goes_back_is_told_until_the_order_was_looked_at(path: str, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product(price_fen=3990))
    for body in shop.press(shop.begin(order), simulator.Button.PAY_TWICE):
        shop.tell(body)
    assert "¥39.90 正在退回给你" in page(path, viewer)
    assert "正在退回给你" not in page(path, cast.make_user())
    assert 'data-refund="twice"' in page(f"/o/{order.public_id}", viewer)
    assert "正在退回给你" not in page(path, viewer)
