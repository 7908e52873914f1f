"""Who may press what in the studio, by table: roles × doors. A refusal changes nothing."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Sanction, User
from catalog import words
from catalog.models import BannedWord, Shop, Sku
from rooms import events
from rooms.models import ChatLine, ChatState, ModeratorGrant, Pin, Room, RoomEvent, RoomWord, ShelfItem, Show, ShowState
from rooms.studio import deeds
from rooms.studio.desk import Desk
from rooms.studio.panels import PANELS
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"headers": {"hx-request": "true"}}


class World:
    """One room with something of everything in it."""

    def __init__(self, room: Room, viewer: User) -> None:
        self.room, self.viewer = room, viewer
        self.shop: Shop = cast.make_shop(room.anchor)
        self.item: ShelfItem = cast.make_shelf_item(room, cast.make_product(self.shop))
        self.spare = cast.make_product(self.shop, title="秦岭百花蜜")
        self.line = ChatLine.objects.create(room=room, user=viewer, text="加我私下便宜")
        self.held = ChatLine.objects.create(room=room, user=viewer, text="等一等", state=ChatState.HELD)

    def counts(self) -> tuple[object, ...]:
        room = Room.objects.get(pk=self.room.pk)
        return (
            RoomEvent.objects.count(),
            Pin.objects.count(),
            Sanction.objects.count(),
            ModeratorGrant.objects.count(),
            RoomWord.objects.count(),
            list(ShelfItem.objects.values_list("is_listed", flat=True)),
            list(ChatLine.objects.order_by("pk").values_list("state", flat=True)),
            Show.objects.get(room=room).state,
            (room.notice, room.slow_mode_s, room.cover),
        )


@pytest.fixture
def world(room: Room, viewer: User) -> World:
    return World(room, viewer)


def url(name: str, *args: str) -> str:
    return reverse(name, args=args)


# door → (the power that opens it, its address, what is sent)
DOORS: dict[str, tuple[str, Callable[[World], str], Callable[[World], dict[str, object]]]] = {
    "pin": ("pin", lambda w: url("studio_pin", w.room.slug, w.item.public_id), lambda w: {}),
    "remove": ("shelf", lambda w: url("studio_remove", w.room.slug, w.item.public_id), lambda w: {}),
    "add": ("shelf", lambda w: url("studio_add", w.room.slug, w.spare.public_id), lambda w: {}),
    "order": ("shelf", lambda w: url("studio_order", w.room.slug), lambda w: {"ids": w.item.public_id}),
    "notice": ("room_modes", lambda w: url("studio_notice", w.room.slug), lambda w: {"notice": "今晚八点"}),
    "modes": ("room_modes", lambda w: url("studio_modes", w.room.slug), lambda w: {"slow_mode_s": "10"}),
    "words": ("room_modes", lambda w: url("studio_words", w.room.slug), lambda w: {"word": "加微信"}),
    "delete": ("delete_chat", lambda w: url("studio_delete", w.room.slug, w.line.public_id), lambda w: {}),
    "approve": ("delete_chat", lambda w: url("studio_approve", w.room.slug, w.held.public_id), lambda w: {}),
    "mute": ("mute", lambda w: url("studio_mute", w.room.slug, w.viewer.public_id), lambda w: {"minutes": "5", "rule": "刷屏"}),
    "ban": ("ban", lambda w: url("studio_ban", w.room.slug, w.viewer.public_id), lambda w: {"rule": "导流"}),
    "invite": ("grant_moderator", lambda w: url("studio_invite", w.room.slug), lambda w: {"who": w.viewer.nickname, "powers": ["pin"]}),
    "end": ("anchor", lambda w: url("studio_end", w.room.slug), lambda w: {}),
    "interrupt": ("go_live", lambda w: url("studio_interrupt", w.room.slug), lambda w: {}),
}
MODERATOR_DOORS = ["pin", "remove", "add", "order", "notice", "modes", "words", "delete", "approve", "mute", "ban"]


def press(client: Client, world: World, door: str) -> int:
    _, address, fields = DOORS[door]
    return client.post(address(world), fields(world), **HX).status_code


class TestDoors:
    @pytest.mark.parametrize("door", DOORS)
    def test_the_anchor_may_press_everything(self, client: Client, world: World, door: str) -> None:
        client.force_login(world.room.anchor)
        before = world.counts()
        assert press(client, world, door) == 204
        assert world.counts() != before

    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("other_anchor", 403), (None, 401)])
    def test_outsiders_change_nothing(
        self, client: Client, world: World, door: str, who: str | None, status: int, request: pytest.FixtureRequest
    ) -> None:
        if who:
            client.force_login(request.getfixturevalue(who))
        before = world.counts()
        assert press(client, world, door) == status
        assert world.counts() == before

    @pytest.mark.parametrize("door", DOORS)
    def test_a_moderator_may_press_what_was_granted_and_nothing_else(self, client: Client, world: World, door: str) -> None:
        power = DOORS[door][0]
        others = {"pin", "shelf", "room_modes", "delete_chat", "mute", "ban", "drop", "stock"} - {power}
        moderator = cast.make_user("场控小周")
        grant = ModeratorGrant.objects.create(room=world.room, user=moderator, powers=sorted(others), granted_by=world.room.anchor)
        client.force_login(moderator)
        before = world.counts()
        assert press(client, world, door) == 403
        assert world.counts() == before
        if door in MODERATOR_DOORS:
            ModeratorGrant.objects.filter(pk=grant.pk).update(powers=[power])
            assert press(client, world, door) == 204

    def test_an_ended_grant_opens_nothing(self, client: Client, world: World) -> None:
        moderator = cast.make_user("场控小周")
        past = timezone.now() - timedelta(seconds=1)
        ModeratorGrant.objects.create(room=world.room, user=moderator, powers=["pin"], granted_by=world.room.anchor, expires_at=past)
        client.force_login(moderator)
        assert client.get(url("studio", world.room.slug)).status_code == 403
        assert press(client, world, "pin") == 403


class TestPages:
    def test_a_moderator_sees_only_her_buttons(self, client: Client, world: World) -> None:
        moderator = cast.make_user("场控小周")
        ModeratorGrant.objects.create(room=world.room, user=moderator, powers=["delete_chat"], granted_by=world.room.anchor)
        client.force_login(moderator)
        html = client.get(url("studio", world.room.slug)).content.decode()
        assert url("studio_pin", world.room.slug, world.item.public_id) not in html
        assert url("studio_end", world.room.slug) not in html
        assert f'{url("studio_invite", world.room.slug)}"' not in html

    @pytest.mark.parametrize("name", PANELS)
    def test_every_panel_is_drawn_for_the_anchor_and_for_nobody_else(
        self, client: Client, world: World, other_anchor: User, name: str
    ) -> None:
        address = url("studio_panel", world.room.slug, name)
        assert client.get(address).status_code == 401
        client.force_login(other_anchor)
        assert client.get(address).status_code == 403
        client.force_login(world.room.anchor)
        assert client.get(address).status_code == 200

    @pytest.mark.parametrize("name", ["online", "sales", "orders", "views", "followers"])
    def test_every_number_has_its_rows(self, client: Client, world: World, name: str) -> None:
        client.force_login(world.room.anchor)
        assert client.get(url("studio_rows", world.room.slug, name)).status_code == 200

    def test_the_person_card_names_earlier_sanctions(self, client: Client, world: World) -> None:
        client.force_login(world.room.anchor)
        press(client, world, "mute")
        html = client.get(url("studio_person", world.room.slug, world.viewer.public_id)).content.decode()
        assert "刷屏" in html

    def test_an_unknown_room_is_not_found(self, client: Client, viewer: User) -> None:
        client.force_login(viewer)
        assert client.get(url("studio", "nosuch")).status_code == 404

    def test_a_past_show_has_its_report(self, client: Client, world: World) -> None:
        client.force_login(world.room.anchor)
        assert client.get(url("studio_report", world.room.slug, world.room.shows.get().public_id)).status_code == 200


class TestFirstShow:
    def test_from_sign_up_to_live_with_a_product_in_four_posts(self, client: Client, viewer: User) -> None:
        client.force_login(viewer)
        assert client.get(url("studio_home")).status_code == 200
        assert client.post(url("studio_new"), {"title": "小满的果园", "slug": "xiaoman"}).status_code == 302
        room = Room.objects.get(slug="xiaoman")
        product = cast.make_product(cast.make_shop(viewer))
        client.post(url("studio_add", "xiaoman", product.public_id), **HX)
        assert client.post(url("studio_live", "xiaoman"), {"title": "苹果专场"}, **HX).status_code == 204
        assert room.shows.get().state == ShowState.LIVE
        assert User.objects.get(pk=viewer.pk).is_anchor

    @pytest.mark.parametrize("trouble", ["no goods", "no stock", "word"])
    def test_a_red_line_blocks_the_start(self, client: Client, anchor: User, trouble: str) -> None:
        BannedWord.objects.get_or_create(word="全网最低")
        words.forget()
        room = cast.make_room(anchor, live=False)
        if trouble != "no goods":
            cast.make_shelf_item(room, cast.make_product(cast.make_shop(anchor), stock=0 if trouble == "no stock" else 5))
        client.force_login(anchor)
        title = "全网最低" if trouble == "word" else "今晚专场"
        assert client.post(url("studio_live", room.slug), {"title": title}, **HX).status_code == 422
        assert not room.shows.exists()

    @pytest.mark.parametrize("slug", ["ab", "-abc", "Abc", "a b c", "new", "axia"])
    def test_a_wrong_or_taken_address_is_refused(self, client: Client, room: Room, viewer: User, slug: str) -> None:
        client.force_login(viewer)
        assert client.post(url("studio_new"), {"title": "小满的果园", "slug": slug}).status_code == 422
        assert not Room.objects.filter(anchor=viewer).exists()

    def test_a_show_in_the_past_is_refused(self, client: Client, room: Room) -> None:
        client.force_login(room.anchor)
        answer = client.post(url("studio_plan", room.slug), {"title": "昨天", "planned_at": "2020-01-01T20:00"}, **HX)
        assert (answer.status_code, room.shows.count()) == (422, 1)


def test_an_action_says_what_to_draw_and_how_to_undo(client: Client, world: World) -> None:
    client.force_login(world.room.anchor)
    _, address, fields = DOORS["delete"]
    news = json.loads(client.post(address(world), fields(world), **HX).headers["HX-Trigger"])["studio"]
    assert client.post(news["undo"], **HX).status_code == 204
    assert ChatLine.objects.get(pk=world.line.pk).state == ChatState.SHOWN


def test_without_scripts_an_action_leads_back(client: Client, world: World) -> None:
    client.force_login(world.room.anchor)
    _, address, fields = DOORS["pin"]
    assert client.post(address(world), fields(world)).headers["location"] == url("studio", world.room.slug)


def test_a_rejected_line_is_not_published_by_taking_that_back(client: Client, world: World) -> None:
    client.force_login(world.room.anchor)
    for state, may_undo in ((ChatState.SHOWN, True), (ChatState.HELD, False)):
        line = ChatLine.objects.create(room=world.room, user=cast.make_user(), text="多少钱", state=state)
        answer = client.post(url("studio_delete", world.room.slug, line.public_id), **HX)
        assert bool(json.loads(answer.headers["HX-Trigger"])["studio"]["undo"]) == may_undo


def test_the_shelf_shows_the_price_that_viewers_see(client: Client, world: World) -> None:
    gone = world.item.product.skus.get()
    type(gone).objects.filter(pk=gone.pk).update(price_fen=990, stock_available=0, stock_total=0)
    Sku.objects.create(product=world.item.product, name="5斤", price_fen=2990, stock_total=8, stock_available=8, position=1)
    Sku.objects.create(product=world.item.product, name="尝鲜", price_fen=1990, stock_total=4, stock_available=4, position=2)
    (row,) = PANELS["shelf"][1](Desk(world.room, world.room.anchor, is_owner=True))["rows"]
    assert (row["price_fen"], row["stock"]) == (2990, 12)
    client.force_login(world.room.anchor)
    page = client.get(url("room", world.room.slug)).content.decode()
    assert "29.90" in page
    assert "19.90" not in page


def test_the_home_takes_a_planned_show_back(client: Client, room: Room, viewer: User) -> None:
    plan = Show.objects.create(room=room, title="明晚八点", planned_at=timezone.now() + timedelta(days=1))
    client.force_login(viewer)
    assert client.post(url("studio_cancel", room.slug, plan.public_id)).status_code == 403
    client.force_login(room.anchor)
    assert "取消预告" in client.get(url("studio_home")).content.decode()
    assert client.post(url("studio_cancel", room.slug, plan.public_id), **HX).headers["hx-refresh"] == "true"
    assert not Show.objects.filter(pk=plan.pk).exists()
    assert client.post(url("studio_cancel", room.slug, plan.public_id)).status_code == 404


@pytest.mark.parametrize("kind", events.KINDS)
def test_every_event_has_words_for_those_who_run_the_room(kind: str) -> None:
    assert deeds.words(kind, {})
