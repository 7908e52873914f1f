"""The viewer's doors, by state of the show and by who asks."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import sanctions
from accounts.models import SanctionKind, User
from liveshop import wiring
from rooms import events, panels
from rooms.models import ChatLine, Follow, Pin, Room, Show, ShowReminder, ShowState
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def client_of():
    def make(user: User | None = None, language: str = "zh-hans") -> Client:
        client = Client(headers={"accept-language": language})
        if user:
            client.force_login(user)
        return client

    return make


def get(client: Client, path: str, **more):
    response = client.get(path, **more)
    return response, response.content.decode()


def test_a_guest_gets_the_whole_room_in_one_answer(client_of, room: Room, viewer: User) -> None:
    item = cast.make_shelf_item(room)
    Pin.objects.create(room=room, show=room.shows.get(), item=item, by=room.anchor)
    lines = [ChatLine.objects.create(room=room, user=viewer, text=f"第 {n} 句") for n in range(60)]
    response, page = get(client_of(), "/live/axia")
    assert response.status_code == 200
    assert 'data-state="live"' in page
    assert page.count("洛川红富士 5斤装") >= 2  # on the shelf and pinned
    assert "第 59 句" in page
    assert "第 10 句" in page
    assert "第 9 句" not in page  # the last fifty
    assert f'data-chat="{lines[-1].public_id}"' in page
    assert re.search(r'data-ticket="[^"]+"', page)
    assert "data-signed-in" not in page
    for panel in ("stage", "notice", "shelf", "pin", "drops"):
        assert f'id="panel-{panel}"' in page


@pytest.mark.parametrize(
    ("language", "sold_by", "own_shop"),
    [("zh-hans", "{0} 销售 · {1}发货", "主播自营："), ("en", "Sold by {0} · ships from {1}", "own shop: ")],
)
def test_the_chips_name_who_sells_what_is_shown_then_her_own_shop(room: Room, language: str, sold_by: str, own_shop: str) -> None:
    """Partners' shops come before hers by name; hers is named all the same, and the pinned product's first of all."""
    partner = cast.make_shop(name="阿阿果园", ships_from="广东汕头")
    mine = cast.make_shop(room.anchor, name="阿霞果园", ships_from="陕西洛川")
    theirs = cast.make_shelf_item(room, cast.make_product(partner))
    cast.make_shelf_item(room, cast.make_product(mine))
    drawn = panels.render(room, "notice", language)
    assert sold_by.format("阿霞果园", "陕西洛川") in drawn  # nothing is shown: her own
    assert "阿阿果园" not in drawn
    Pin.objects.create(room=room, show=room.shows.get(), item=theirs, by=room.anchor)
    drawn = panels.render(room, "notice", language)
    assert drawn.index(sold_by.format("阿阿果园", "广东汕头")) < drawn.index(own_shop + "阿霞果园")
    pin = panels.render(room, "pin", language)
    assert partner.name in pin
    assert "广东汕头" in pin


def test_no_primary_key_in_the_page(client_of, room: Room) -> None:
    Room.objects.filter(pk=room.pk).update(slug="axia2")
    _, page = get(client_of(), "/live/axia2")
    assert f'data-room="{room.public_id}"' in page
    assert f'data-room="{room.pk}"' not in page


def own_card(room: Room, user: User) -> str:
    """Stands for what campaigns draw of a person's claims."""
    return f'<div data-for-deal="abc">{user.nickname}</div>'


def test_ones_own_cards_are_in_the_page_and_nobody_elses(client_of, room: Room, viewer: User, monkeypatch) -> None:
    monkeypatch.setattr(wiring, "PERSONAL_PANEL", f"{__name__}:own_card")
    assert '<div data-for-deal="abc">小满</div>' in get(client_of(viewer), "/live/axia")[1]
    assert "data-for-deal" not in get(client_of(), "/live/axia")[1]


@pytest.mark.parametrize(
    ("state", "fields", "shown"),
    [
        (ShowState.LIVE, {}, 'data-state="live"'),
        (ShowState.INTERRUPTED, {}, "主播马上回来"),
        (ShowState.ENDED, {"ended_at": timezone.now()}, "直播已结束"),
        (ShowState.UPCOMING, {"planned_at": timezone.now() + timedelta(hours=1)}, "data-countdown-to="),
    ],
)
def test_each_state_of_the_show(client_of, anchor: User, state: ShowState, fields, shown: str) -> None:
    room = cast.make_room(anchor, live=False, slug="states")
    Show.objects.create(room=room, title="苹果专场", state=state, started_at=timezone.now(), **fields)
    cast.make_shelf_item(room)
    response, page = get(client_of(), "/live/states")
    assert response.status_code == 200
    assert shown in page
    assert "洛川红富士 5斤装" in page  # the goods stay, whatever the show does


def test_a_room_that_never_went_live(client_of, anchor: User) -> None:
    cast.make_room(anchor, live=False, slug="quiet")
    response, page = get(client_of(), "/live/quiet")
    assert response.status_code == 200
    assert "主播还没开播" in page


def test_a_banned_room_says_why(client_of, room: Room) -> None:
    Room.objects.filter(pk=room.pk).update(is_banned=True, ban_reason="夸大宣传")
    _, page = get(client_of(), "/live/axia")
    assert 'data-state="banned"' in page
    assert "夸大宣传" in page


def test_an_unknown_room_is_refused_kindly(client_of) -> None:
    response, page = get(client_of(), "/live/nobody")
    assert response.status_code == 404
    assert "没有找到" in page


def test_english_has_no_chinese_in_its_buttons(client_of, room: Room) -> None:
    _, page = get(client_of(language="en"), "/live/axia")
    assert 'lang="en"' in page
    assert "Follow</a>" in page
    assert "说点什么" not in page


def test_a_banned_viewer_is_told_and_sees_nothing(client_of, room: Room, viewer: User, operator: User) -> None:
    sanctions.impose(actor=operator, kind=SanctionKind.BAN, scope=f"room:{room.public_id}", rule="刷屏", user=viewer)
    response, page = get(client_of(viewer), "/live/axia")
    assert response.status_code == 403
    assert "刷屏" in page
    assert "data-ticket" not in page
    assert client_of(viewer).get("/live/axia/ticket").status_code == 403


def test_a_fresh_ticket_for_anyone_who_may_watch(client_of, room: Room, viewer: User) -> None:
    for user in (None, viewer):
        answer = client_of(user).get("/live/axia/ticket")
        assert answer.status_code == 200
        assert answer.json()["ticket"]
        assert "no-store" in answer["cache-control"]


def test_catching_up_by_plain_request(client_of, room: Room, anchor: User, viewer: User) -> None:
    before = ChatLine.objects.create(room=room, user=viewer, text="之前")
    ChatLine.objects.create(room=room, user=viewer, text="之后")
    client = client_of()
    with transaction.atomic():
        events.publish_in_tx(room_id=room.pk, kind="pinned", panels=["pin"], actor=anchor)
    missed = client.get(f"/live/axia/catchup?seq=0&chat={before.public_id}").json()
    assert (missed["t"], missed["seq"], list(missed["panels"])) == ("state", 1, ["pin"])
    assert ["之后" in line["html"] for line in missed["chat"]] == [True]
    assert client.get("/live/axia/catchup?seq=1").json()["panels"] == {}
    assert set(client.get("/live/axia/catchup?seq=x").json()["panels"]) == {"stage", "notice", "shelf", "pin", "drops"}
    assert client.get("/live/nobody/catchup?seq=1").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_following_and_leaving_by_form_and_by_htmx(client_of, room: Room, viewer: User) -> None:
    client = client_of(viewer)
    assert client.post("/live/axia/follow", {"to": "on"}).headers["location"] == "/live/axia"
    assert Follow.objects.filter(room=room, user=viewer).count() == 1
    _, page = get(client, "/live/axia")
    assert 'aria-pressed="true"' in page
    answer = client.post("/live/axia/follow", {"to": "off"}, headers={"hx-request": "true"})
    assert "关注" in answer.content.decode()
    assert not Follow.objects.exists()


@pytest.mark.parametrize("door", ["follow", "reserve", "chat"])
def test_guests_are_asked_to_sign_in_and_nothing_happens(client_of, room: Room, door: str) -> None:
    Show.objects.create(room=room, title="明晚", planned_at=timezone.now() + timedelta(days=1))
    response = client_of().post(f"/live/axia/{door}", {"to": "on", "text": "在吗"})
    assert response.status_code == 401
    assert "登录" in response.content.decode()
    assert (Follow.objects.count(), ShowReminder.objects.count(), ChatLine.objects.count()) == (0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_reserving_twice_is_once_and_can_be_taken_back(client_of, anchor: User, viewer: User) -> None:
    room = cast.make_room(anchor, live=False, slug="soon")
    show = Show.objects.create(room=room, title="明晚", planned_at=timezone.now() + timedelta(days=1))
    client = client_of(viewer)
    for _ in range(2):
        client.post("/live/soon/reserve", {"to": "on"})
    assert list(ShowReminder.objects.values_list("show", "user")) == [(show.pk, viewer.pk)]
    _, page = get(client, "/live/soon")
    assert "已预约，开播后首页提醒你" in page
    client.post("/live/soon/reserve", {"to": "off"})
    assert not ShowReminder.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_to_reserve_is_refused(client_of, room: Room, viewer: User) -> None:
    response = client_of(viewer).post("/live/axia/reserve", {"to": "on"})
    assert response.status_code == 410
    assert not ShowReminder.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_saying_something_without_a_script(client_of, room: Room, viewer: User) -> None:
    key = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    client = client_of(viewer)
    for _ in range(2):
        response = client.post("/live/axia/chat", {"text": "一号链接还有吗", "key": key, "next": "/live/axia"})
        assert response.headers["location"] == "/live/axia"
    assert list(ChatLine.objects.values_list("text", "user")) == [("一号链接还有吗", viewer.pk)]
    assert client.post("/live/axia/chat", {"text": "再来", "key": "not-a-key"}).status_code == 422
    assert ChatLine.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_next_never_leads_to_another_site(client_of, room: Room, viewer: User) -> None:
    response = client_of(viewer).post("/live/axia/follow", {"to": "on", "next": "https://evil.example/"})
    assert response.headers["location"] == "/live/axia"


def test_sharing_gives_the_link_and_a_code_to_scan(client_of, room: Room) -> None:
    for headers in ({}, {"hx-request": "true"}):
        response, page = get(client_of(), "/live/axia/share", headers=headers)
        assert response.status_code == 200
        assert "http://testserver/live/axia" in page
        assert "<svg" in page
        assert ("<html" in page) is (not headers)


def test_writes_refuse_get(client_of, room: Room, viewer: User) -> None:
    for door in ("follow", "reserve", "chat"):
        assert client_of(viewer).get(f"/live/axia/{door}").status_code == 405


def test_the_page_asks_the_database_a_steady_number_of_questions(
    client_of, room: Room, django_assert_max_num_queries, viewer: User
) -> None:
    for _ in range(12):
        cast.make_shelf_item(room)
    for n in range(50):
        ChatLine.objects.create(room=room, user=viewer, text=f"第 {n} 句")
    client = client_of()
    client.get("/live/axia")
    with django_assert_max_num_queries(40):
        client.get("/live/axia")


def test_a_refused_fragment_leads_to_signing_in_and_back_to_the_show(client_of, room: Room) -> None:
    headers = {"hx-request": "true", "hx-current-url": "http://testserver/live/axia"}
    response = client_of().post("/live/axia/follow", {"to": "on"}, headers=headers)
    page = response.content.decode()
    assert response.status_code == 401
    assert "<html" not in page
    assert "next=/live/axia" in page


def test_a_look_at_a_product_from_the_shelf_counts_for_its_item_only(client: Client, room: Room) -> None:
    item, other = cast.make_shelf_item(room), cast.make_shelf_item(room)
    client.get(f"/p/{item.product.public_id}?item={item.public_id}&room={room.slug}")
    client.get(f"/p/{item.product.public_id}?item={other.public_id}")
    client.get(f"/p/{item.product.public_id}")
    counts = dict(room.shelf_items.values_list("public_id", "click_count"))
    assert counts == {item.public_id: 1, other.public_id: 0}
