"""The cast of every test: small factories for one believable world. Each returns saved rows."""

import itertools
from datetime import timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import User
from catalog.models import Category, Product, ProductPicture, ProductState, Shop, Sku
from rooms.models import Room, ShelfItem, Show, ShowState

_numbers = itertools.count(1)


def make_user(nickname: str = "", **fields: Any) -> User:
    """A signed-up person with a verified phone; password "test-pass-123"."""
    n = next(_numbers)
    nickname = nickname or f"观众{n}"
    user = User(
        username=fields.pop("username", f"user{n}"),
        nickname=nickname,
        nickname_folded=nickname.casefold(),
        phone=fields.pop("phone", f"+86138{n:08d}"),
        phone_verified=True,
        **fields,
    )
    user.password = _password()
    user.save()
    return user


@cache
def _password() -> str:
    """Hashed once: a slow hash is right for people and a nuisance for tests."""
    return make_password("test-pass-123")


def make_shop(owner: User | None = None, **fields: Any) -> Shop:
    n = next(_numbers)
    owner = owner or make_user(f"商家{n}")
    return Shop.objects.create(
        owner=owner, **{"name": f"洛川果农合作社{n}", "ships_from": "陕西洛川", "operator_name": f"洛川果业有限公司{n}"} | fields
    )


def make_product(
    shop: Shop | None = None, *, price_fen: int = 3990, stock: int = 100, title: str = "洛川红富士 5斤装", **fields: Any
) -> Product:
    """A product on sale with one SKU (`product.skus.get()`) and a cover."""
    category, _ = Category.objects.get_or_create(slug="fruit", defaults={"name": "水果", "name_en": "Fruit"})
    fields = {"category": category, "state": ProductState.ON_SALE} | fields
    product = Product.objects.create(shop=shop or make_shop(), title=title, **fields)
    Sku.objects.create(product=product, price_fen=price_fen, stock_total=stock, stock_available=stock)
    ProductPicture.objects.create(product=product, path="img/blank.svg", alt=title)
    return product


def make_room(anchor: User | None = None, *, live: bool = True, **fields: Any) -> Room:
    """A room, with a live show unless `live=False` (`room.shows.get()`)."""
    n = next(_numbers)
    anchor = anchor or make_user(f"主播{n}", is_anchor=True)
    room = Room.objects.create(anchor=anchor, **{"slug": f"room{n}", "title": f"{anchor.nickname}的直播间"} | fields)
    if live:
        Show.objects.create(room=room, title="今晚专场", state=ShowState.LIVE, started_at=timezone.now() - timedelta(minutes=5))
    return room


def make_shelf_item(room: Room, product: Product | None = None) -> ShelfItem:
    number = room.shelf_items.count() + 1
    return ShelfItem.objects.create(room=room, product=product or make_product(), number=number, position=number)
