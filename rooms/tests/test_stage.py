import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEntry, User
from catalog import words
from catalog.models import BannedWord
from liveshop.refusals import Code, Refused
from rooms import panels, reminders, shelf, stage, upcoming
from rooms.models import Pin, Room, RoomEvent, ShelfItem, Show, ShowState
from rooms.video import sessions
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
S = ShowState


def seqs(room: Room) -> list[int]:
    return list(RoomEvent.objects.filter(room=room).order_by("seq").values_list("seq", flat=True))


class TestShow:
    def test_the_system_ends_only_what_is_away(self, room: Room) -> None:
        with pytest.raises(Refused):
            stage.end_show(room=room, by=None)
        assert Show.objects.get().state == S.LIVE, "it had just come back"
        Show.objects.update(state=S.INTERRUPTED)
        stage.end_show(room=room, by=None)
        assert Show.objects.get().state == S.ENDED

    @pytest.mark.parametrize(
        ("state", "move", "after"),
        [
            (S.LIVE, stage.interrupt, S.INTERRUPTED),
            (S.INTERRUPTED, stage.resume, S.LIVE),
            (S.LIVE, stage.end_show, S.ENDED),
            (S.INTERRUPTED, stage.end_show, S.ENDED),
            (S.UPCOMING, stage.interrupt, None),
            (S.UPCOMING, stage.end_show, None),
            (S.ENDED, stage.end_show, None),
            (S.ENDED, stage.resume, None),
            (S.LIVE, stage.resume, None),
            (S.BANNED, stage.resume, None),
        ],
    )
    def test_only_these_moves_exist(self, room: Room, state: int, move, after: int | None) -> None:
        Show.objects.update(state=state)
        if after is None:
            with pytest.raises(Refused) as refusal:
                move(room=room, by=room.anchor)
            assert refusal.value.code == Code.VERSION_CONFLICT
            assert (Show.objects.get().state, seqs(room)) == (state, [])
        else:
            move(room=room, by=room.anchor)
            assert (Show.objects.get().state, seqs(room)) == (after, [1])

    def test_going_live_twice_is_refused(self, room: Room) -> None:
        with pytest.raises(Refused) as refusal:
            stage.go_live(room=room, by=room.anchor)
        assert refusal.value.code == Code.VERSION_CONFLICT
        assert Show.objects.count() == 1

    def test_the_planned_show_is_the_one_that_starts(self, anchor: User) -> None:
        room = cast.make_room(anchor, live=False)
        planned = stage.plan_show(room=room, by=anchor, title="苹果专场", planned_at=timezone.now() + timedelta(hours=1))
        assert stage.go_live(room=room, by=anchor) == planned

    def test_a_forbidden_word_is_named(self, anchor: User) -> None:
        BannedWord.objects.get_or_create(word="全网最低")
        words.forget()
        with pytest.raises(Refused) as refusal:
            stage.go_live(room=cast.make_room(anchor, live=False), by=anchor, title="全 网 最 低")
        assert refusal.value.facts == {"word": "全网最低"}
        assert not Show.objects.exists()

    def test_a_banned_room_ends_and_cannot_go_live(self, room: Room, operator: User) -> None:
        stage.ban_room(room=room, by=operator, reason="虚假宣传")
        assert Show.objects.get().state == S.BANNED
        with pytest.raises(Refused):
            stage.go_live(room=room, by=room.anchor)
        assert AuditEntry.objects.filter(action="room_banned", actor=operator).exists()
        stage.unban_room(room=room, by=operator, reason="申诉成立")
        stage.go_live(room=room, by=room.anchor)

    @pytest.mark.parametrize("who", ["viewer", "other_anchor"])
    def test_an_outsider_can_do_nothing(self, room: Room, who: str, request: pytest.FixtureRequest) -> None:
        outsider = request.getfixturevalue(who)
        item = cast.make_shelf_item(room)
        for act in (
            lambda: stage.end_show(room=room, by=outsider),
            lambda: stage.pin(room=room, item=item, by=outsider),
            lambda: stage.unpin(room=room, by=outsider),
            lambda: stage.set_notice(room=room, by=outsider, text="x"),
            lambda: stage.ban_room(room=room, by=outsider, reason="x"),
            lambda: shelf.remove_item(room=room, item=item, by=outsider),
            lambda: shelf.reorder(room=room, public_ids=[], by=outsider),
        ):
            with pytest.raises(Refused) as refusal:
                act()
            assert refusal.value.code == Code.FORBIDDEN
        assert seqs(room) == []


class TestPin:
    def test_the_new_pin_ends_the_old_one(self, room: Room) -> None:
        one, two = cast.make_shelf_item(room), cast.make_shelf_item(room)
        stage.pin(room=room, item=one, by=room.anchor)
        stage.pin(room=room, item=two, by=room.anchor)
        assert Pin.objects.get(ended_at=None).item == two
        assert seqs(room) == [1, 2]

    def test_pinning_the_pinned_one_changes_nothing(self, room: Room) -> None:
        item = cast.make_shelf_item(room)
        assert stage.pin(room=room, item=item, by=room.anchor) == stage.pin(room=room, item=item, by=room.anchor)
        assert seqs(room) == [1]

    def test_another_rooms_item_cannot_be_pinned(self, room: Room) -> None:
        with pytest.raises(Refused):
            stage.pin(room=room, item=cast.make_shelf_item(cast.make_room()), by=room.anchor)
        assert not Pin.objects.exists()

    @pytest.mark.race
    def test_twenty_at_once_leave_one_open_pin_and_no_gap(self, room: Room) -> None:
        items = [cast.make_shelf_item(room) for _ in range(5)]

        def press(n: int) -> None:
            try:
                stage.pin(room=room, item=items[n % 5], by=room.anchor)
            finally:
                connection.close()

        threads = [threading.Thread(target=press, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Pin.objects.filter(ended_at=None).count() == 1
        assert seqs(room) == list(range(1, RoomEvent.objects.count() + 1))
        assert Room.objects.get().seq == RoomEvent.objects.count()


class TestShelf:
    def test_numbers_go_on_and_never_change(self, room: Room) -> None:
        shop = cast.make_shop(room.anchor)
        one, two = (shelf.add_item(room=room, product=cast.make_product(shop, title=f"苹果{n}"), by=room.anchor) for n in (1, 2))
        shelf.remove_item(room=room, item=one, by=room.anchor)
        three = shelf.add_item(room=room, product=cast.make_product(shop, title="苹果3"), by=room.anchor)
        back = shelf.add_item(room=room, product=one.product, by=room.anchor)
        assert (one.number, two.number, three.number, back.number) == (1, 2, 3, 1)

    def test_other_shops_goods_need_the_alliance(self, room: Room) -> None:
        with pytest.raises(Refused) as refusal:
            shelf.add_item(room=room, product=cast.make_product(), by=room.anchor)
        assert refusal.value.code == Code.FORBIDDEN
        assert not ShelfItem.objects.exists()

    def test_removing_the_pinned_one_ends_its_pin(self, room: Room) -> None:
        item = cast.make_shelf_item(room)
        stage.pin(room=room, item=item, by=room.anchor)
        shelf.remove_item(room=room, item=item, by=room.anchor)
        assert not Pin.objects.filter(ended_at=None).exists()

    def test_reorder_keeps_the_unnamed_behind(self, room: Room) -> None:
        ids = [cast.make_shelf_item(room).public_id for _ in range(4)]
        shelf.reorder(room=room, public_ids=[ids[2], ids[0]], by=room.anchor)
        assert list(room.shelf_items.values_list("public_id", flat=True)) == [ids[2], ids[0], ids[1], ids[3]]

    @pytest.mark.parametrize("wrong", [["nosuch"], ["double", "double"]])
    def test_a_wrong_order_is_refused(self, room: Room, wrong: list[str]) -> None:
        item = cast.make_shelf_item(room)
        with pytest.raises(Refused):
            shelf.reorder(room=room, public_ids=[item.public_id if name == "double" else name for name in wrong], by=room.anchor)
        assert seqs(room) == []


def test_a_shelf_is_full_of_what_stands_on_it_and_not_of_what_once_did(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MAX_ITEMS", 2)
    shop = cast.make_shop(room.anchor)
    goods = [cast.make_product(shop) for _ in range(4)]
    items = [shelf.add_item(room=room, product=product, by=room.anchor) for product in goods[:2]]
    with pytest.raises(Refused) as refusal:
        shelf.add_item(room=room, product=goods[2], by=room.anchor)
    assert refusal.value.code == Code.INVALID
    for item, product in zip(items, goods[2:], strict=True):
        shelf.remove_item(room=room, item=item, by=room.anchor)
        shelf.add_item(room=room, product=product, by=room.anchor)
    assert list(room.shelf_items.filter(is_listed=True).values_list("number", flat=True)) == [3, 4], "numbers go on"


def test_a_plan_nobody_came_for_lapses(room: Room) -> None:
    Show.objects.update(state=S.ENDED, ended_at=timezone.now())
    plan = Show.objects.create(room=room, title="昨晚专场", planned_at=timezone.now() - upcoming.LAPSES + timedelta(minutes=1))
    assert stage.current_show(room) == panels.shown_show(room) == plan
    Show.objects.filter(pk=plan.pk).update(planned_at=timezone.now() - upcoming.LAPSES - timedelta(minutes=1))
    assert stage.current_show(room) is None
    assert panels.shown_show(room).state == S.ENDED, "the last show's replay stands there again"
    with pytest.raises(Refused):
        reminders.reserve(room=room, user=room.anchor)
    assert sessions._begin_planned(room) is None, "an encoder that connects does not begin it"
    assert stage.go_live(room=room, by=room.anchor) != plan


def test_a_planned_show_is_taken_back_with_its_reminders(room: Room, viewer: User, other_anchor: User) -> None:
    Show.objects.update(state=S.ENDED, ended_at=timezone.now())
    plan = stage.plan_show(room=room, by=room.anchor, title="明晚八点", planned_at=timezone.now() + timedelta(days=1))
    reminders.reserve(room=room, user=viewer)
    with pytest.raises(Refused):
        stage.cancel_show(room=room, show=plan, by=other_anchor)
    stage.cancel_show(room=room, show=plan, by=room.anchor)
    assert not Show.objects.filter(pk=plan.pk).exists()
    assert AuditEntry.objects.filter(action="show_cancelled", before__title="明晚八点").exists()
    with pytest.raises(Refused):
        stage.cancel_show(room=room, show=plan, by=room.anchor)


def test_a_show_that_began_is_not_taken_back(room: Room) -> None:
    with pytest.raises(Refused) as refusal:
        stage.cancel_show(room=room, show=room.shows.get(), by=room.anchor)
    assert refusal.value.code == Code.VERSION_CONFLICT
    assert room.shows.get().state == S.LIVE
