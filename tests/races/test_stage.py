"""Two operators, an ending show, followers and a ban at once: the rows of show, room, shelf and pin are locked in one order."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection

from accounts.models import User
from liveshop.refusals import Refused
from rooms import follows, shelf, stage
from rooms.models import Room, RoomEvent, Show, ShowState
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
TURNS = 100


def test_nobody_dies_in_a_deadlock(room: Room, operator: User, viewer: User) -> None:
    shop = cast.make_shop(room.anchor)
    items = [cast.make_shelf_item(room, cast.make_product(shop)) for _ in range(3)]
    order = [item.public_id for item in items]

    def end_and_begin() -> None:
        stage.end_show(room=room, by=room.anchor)
        stage.go_live(room=room, by=room.anchor)

    def ban_and_open() -> None:
        stage.ban_room(room=room, by=operator, reason="测试")
        stage.unban_room(room=room, by=operator, reason="测试")
        stage.go_live(room=room, by=room.anchor)

    def away_and_back() -> None:
        shelf.remove_item(room=room, item=items[0], by=room.anchor)
        shelf.add_item(room=room, product=items[0].product, by=room.anchor)

    def follow_and_not() -> None:
        follows.follow(room=room, user=viewer)
        follows.unfollow(room=room, user=viewer)

    pins = itertools.cycle(items)
    acts: list[Callable[[], object]] = [
        lambda: stage.pin(room=room, item=next(pins), by=room.anchor),
        partial(stage.unpin, room=room, by=room.anchor),
        partial(shelf.reorder, room=room, public_ids=order[1:], by=room.anchor),
        *(end_and_begin, ban_and_open, away_and_back, follow_and_not),
    ]

    def work(act: Callable[[], object]) -> None:
        try:
            for _ in range(TURNS):
                try:
                    act()
                except Refused:
                    continue
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(work, act) for act in acts]:
            done.result(60)
    seqs = list(RoomEvent.objects.filter(room=room).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_planned_show_begins_once(room: Room) -> None:
    Show.objects.all().update(state=ShowState.UPCOMING)

    def begin(_turn: int) -> bool:
        try:
            stage.go_live(room=room, by=room.anchor)
        except Refused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(begin, range(6))) == [False] * 5 + [True]
    assert RoomEvent.objects.filter(kind="show_started").count() == 1


def test_no_show_is_live_in_a_room_that_was_just_closed(room: Room, operator: User) -> None:
    for _turn in range(8):
        Show.objects.all().delete()
        Room.objects.update(is_banned=False)

        def act(one: Callable[[], object]) -> None:
            try:
                one()
            except Refused:
                pass
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            list(
                pool.map(
                    act, [partial(stage.go_live, room=room, by=room.anchor), partial(stage.ban_room, room=room, by=operator, reason="假货")]
                )
            )
        assert not Show.objects.filter(state=ShowState.LIVE).exists()
