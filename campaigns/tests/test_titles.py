"""Titles of deals and coupons obey the advertising law as those of goods do."""

import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from campaigns import coupons, deals
from campaigns.models import Coupon, CouponFunder, Deal
from catalog import words
from catalog.models import BannedWord, Sku
from liveshop.refusals import Code, Refused, explain
from rooms.models import Room
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
TITLES = [("全网最低价 一元购", "全网最低"), ("１００％ 有效", "100%"), ("100%棉 四件套", None), ("周末福利", None), ("", None)]


@pytest.fixture(autouse=True)
def _listed() -> Iterator[None]:
    BannedWord.objects.all().delete()
    BannedWord.objects.create(word="全网最低")
    BannedWord.objects.create(word="100%", allowed_in=["100%棉"])
    words.forget()
    yield
    words.forget()


def on_shelf(room: Room) -> Sku:
    product = cast.make_product(cast.make_shop(room.anchor), stock=9)
    cast.make_shelf_item(room, product)
    return product.skus.get()


@pytest.mark.parametrize(("title", "word"), TITLES)
def test_a_deal_is_not_advertised_with_a_forbidden_word(room: Room, title: str, word: str | None) -> None:
    sku = on_shelf(room)
    if word is None:
        assert deals.plan(room=room, sku=sku, by=room.anchor, title=title, total=2).title == (title or sku.product.title)
        return
    with pytest.raises(Refused) as refusal:
        deals.plan(room=room, sku=sku, by=room.anchor, title=title, total=2)
    assert refusal.value.code == Code.WORD_REFUSED
    assert word in explain(refusal.value).reason
    assert not Deal.objects.exists()
    sku.refresh_from_db()
    assert sku.stock_held == 0


@pytest.mark.parametrize(("title", "word"), TITLES)
def test_nor_is_a_coupon(operator: User, title: str, word: str | None) -> None:
    def plan() -> Coupon:
        return coupons.plan(
            by=operator, title=title, off_fen=500, total=2, target=coupons.Target(), funder=CouponFunder.PLATFORM, valid_days=1
        )

    if word is None:
        assert plan().title
        return
    with pytest.raises(Refused) as refusal:
        plan()
    assert refusal.value.code == Code.WORD_REFUSED
    assert word in explain(refusal.value).reason
    assert not Coupon.objects.exists()


def test_the_operator_reads_the_word(client: Client, room: Room, operator: User) -> None:
    client.force_login(operator)
    form = {"title": "全网最低", "off": "10", "threshold": "39", "total": "5", "per_person": "1", "audience": "1", "valid_days": "3"}
    form["key"] = str(uuid.uuid4())
    page = client.post(reverse("admin:campaigns_coupon_festival"), form | {"target": "4", "rooms": [room.pk], "give": ""}).content.decode()
    assert "“全网最低”" in page
    assert not Coupon.objects.exists()
