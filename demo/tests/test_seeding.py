"""Seeding again, after somebody tried the site: what she forbade stays so, and the demo starts."""

import io
from typing import Any

import pytest

from accounts.models import User
from catalog import products
from catalog.models import Product, ProductState
from demo import seeding, stages
from demo.management.commands.demo_seed import Command
from rooms import stage
from rooms.models import Room, ShowState

pytestmark = pytest.mark.django_db(transaction=True)


def seeded(command: Command) -> tuple[dict[str, Any], dict[str, Product], Room]:
    """The first anchor's corner of the demo, made or made whole again."""
    people = seeding.People()
    seeding.places()
    entry = seeding.content("people")["anchors"][0]
    shop = seeding.shop(people.seller(entry, 800), entry)
    shops = {entry["username"]: shop}
    goods = {good["code"]: seeding.good(shop, good) for good in seeding.content("goods") if good["shop"] == entry["username"]}
    room = stages.room(shop.owner, shop, entry)
    command.attempt(room.slug, lambda: stages.show(room, entry))
    return shops, goods, room


def test_goods_taken_off_sale_and_a_banned_room_stay_so(operator: User) -> None:
    command = Command(stdout=io.StringIO())
    _shops, goods, room = seeded(command)
    assert room.shows.get().state == ShowState.LIVE
    product = next(iter(goods.values()))
    products.take_off(product=product, by=product.shop.owner)
    stage.ban_room(room=room, by=operator, reason="试用")

    _shops, again, room = seeded(command)
    assert {code: good.pk for code, good in again.items()} == {code: good.pk for code, good in goods.items()}
    product.refresh_from_db()
    assert product.state == ProductState.OFF_SHELF
    assert not room.shows.filter(state=ShowState.LIVE).exists()
    assert f"{room.slug} stays as it is: BANNED" in command.stdout.getvalue()  # type: ignore[attr-defined]
