import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from campaigns import claims, drops, festival, offers
from campaigns.models import Coupon, CouponAudience, CouponFunder, CouponGrant, CouponState, CouponTarget, Drop, DropState
from catalog.models import Category, Sku
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from rooms.models import Follow, Room
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
OFFER = festival.Offer("11·6 满39减10", 1000, 3900, 50, 1, CouponAudience.ANYONE, 3)
FORM = {
    "title": "11·6",
    "off": "10",
    "threshold": "39",
    "total": "50",
    "per_person": "1",
    "audience": "1",
    "valid_days": "3",
    "key": str(uuid.uuid4()),
}


def give(*, key: uuid.UUID | None = None, **fields: Any) -> list[Coupon]:
    return festival.give(key=key or uuid.uuid4(), **fields)


def at_once(**fields: Any) -> int:
    """In a thread of its own."""
    try:
        return give(**fields)[0].pk
    finally:
        connection.close()


class TestDryRun:
    def test_it_says_the_worst_cost_and_writes_nothing(self, room: Room) -> None:
        outlook = festival.dry_run(rooms=[room, cast.make_room()], offer=OFFER)
        assert (outlook.coupons, outlook.cost_fen, outlook.sales_fen) == (100, 100_000, 390_000)
        assert not Coupon.objects.exists()

    def test_people_are_those_who_may_take_one(self, room: Room, viewer: User, operator: User) -> None:
        Follow.objects.create(room=room, user=viewer)
        people = {
            audience: festival.dry_run(rooms=[room], offer=festival.Offer("x", 100, 0, 1, 1, audience, 1)).people
            for audience in CouponAudience.values
        }
        assert people == {CouponAudience.ANYONE: 2, CouponAudience.FAN: 1, CouponAudience.NEW_FOLLOWER: 1}


class TestGive:
    def test_each_room_gets_one_to_drop_and_the_platform_pays(self, room: Room, operator: User) -> None:
        given = give(rooms=[room], offer=OFFER, by=operator)
        assert [coupon.funder for coupon in given] == [CouponFunder.PLATFORM]
        assert Drop.objects.get().room == room

    def test_an_anchor_cannot_spend_the_platforms_money(self, room: Room) -> None:
        with pytest.raises(Refused):
            give(rooms=[room], offer=OFFER, by=room.anchor)
        assert not Coupon.objects.exists()

    def test_a_coupon_for_one_category_lowers_no_other_goods(self, room: Room, viewer: User, operator: User) -> None:
        fruit, tea = (Category.objects.create(slug=slug, name=slug) for slug in ("fruit", "tea"))
        coupon = give(rooms=[room], offer=replace(OFFER, category_id=fruit.pk), by=operator)[0]
        assert coupon.target == CouponTarget.CATEGORY
        drops.press(drop=coupon.drops.get(), by=room.anchor)
        Coupon.objects.update(starts_at=now())
        assert claims.take_now(coupon_id=coupon.pk, user_id=viewer.pk, key=uuid.uuid4()).is_won
        saved = {}
        for category in (fruit, tea):
            product = cast.make_product(price_fen=5000, stock=5)
            type(product).objects.filter(pk=product.pk).update(category=category)
            sheet = offers.quote(user=viewer, items=[(Sku.objects.get(product=product), 1, None)], grant_id="best", province="浙江省")
            saved[category.slug] = sheet.platform_discount_fen
        assert saved == {"fruit": 1000, "tea": 0}

    def test_it_opens_by_itself_in_its_window_and_ends_with_it(self, room: Room, operator: User) -> None:
        start, end = now() + timedelta(seconds=60), now() + timedelta(days=3)
        coupon = give(rooms=[room], offer=replace(OFFER, starts_at=start, ends_at=end), by=operator)[0]
        assert drops.press_due() == 1
        coupon.refresh_from_db()
        assert (coupon.state, coupon.ends_at) == (CouponState.PUBLISHED, end)
        assert timedelta() <= coupon.starts_at - start < timedelta(seconds=1)

    def test_an_anchor_opens_it_neither_before_nor_after_the_window(self, room: Room, operator: User) -> None:
        start, end = now() + timedelta(hours=5), now() + timedelta(hours=6)
        coupon = give(rooms=[room], offer=replace(OFFER, starts_at=start, ends_at=end), by=operator)[0]
        drop = coupon.drops.get()
        drops.press(drop=drop, by=room.anchor)
        drops.undo(drop=drop, by=room.anchor)
        drops.press(drop=Drop.objects.get(), by=room.anchor)
        coupon.refresh_from_db()
        assert (coupon.starts_at, coupon.ends_at) == (start, end), "she may announce it, the platform's window stands"
        Drop.objects.update(state=DropState.UNDONE, not_before=None, until=now() - timedelta(seconds=1))
        Coupon.objects.update(state=CouponState.DRAFT)
        with pytest.raises(Refused) as refusal:
            drops.press(drop=Drop.objects.get(), by=room.anchor)
        assert refusal.value.code == Code.ENDED
        assert Coupon.objects.get().state == CouponState.DRAFT

    @pytest.mark.parametrize(
        "fields",
        [
            {"audience": CouponAudience.FAN},
            {"audience": CouponAudience.NEW_FOLLOWER},
            {"starts_at": now() + timedelta(hours=1)},
            {"ends_at": now() - timedelta(hours=1)},
            {"follow_within_s": 0},
        ],
    )
    def test_what_makes_no_sense_without_a_room_or_an_end_is_refused(self, operator: User, fields: dict[str, Any]) -> None:
        with pytest.raises(Refused) as refusal:
            give(rooms=[], offer=replace(OFFER, **fields), by=operator)
        assert refusal.value.code == Code.INVALID
        assert not Coupon.objects.exists()


class TestTwice:
    def test_the_same_form_gives_once(self, room: Room, operator: User) -> None:
        key = uuid.uuid4()
        with ThreadPoolExecutor(4) as pool:
            given = set(pool.map(lambda _: at_once(rooms=[room], offer=OFFER, by=operator, key=key), range(4)))
        assert given == {Coupon.objects.get().pk}
        assert Drop.objects.get().coupon_id in given

    def test_for_all_too_and_an_ended_one_stays_ended(self, operator: User) -> None:
        key = uuid.uuid4()
        coupon = give(rooms=[], offer=OFFER, by=operator, key=key)[0]
        Coupon.objects.update(state=CouponState.ENDED)
        assert give(rooms=[], offer=OFFER, by=operator, key=key) == [coupon]
        assert Coupon.objects.get().state == CouponState.ENDED

    def test_what_a_broken_attempt_left_out_is_given_by_the_next(self, room: Room, other_anchor: User, operator: User) -> None:
        key, other = uuid.uuid4(), cast.make_room(other_anchor)
        give(rooms=[room], offer=OFFER, by=operator, key=key)
        Drop.objects.all().delete()
        give(rooms=[room, other], offer=OFFER, by=operator, key=key)
        assert set(Drop.objects.values_list("room", flat=True)) == set(Coupon.objects.values_list("room", flat=True)) == {room.pk, other.pk}


class TestUndo:
    """An anchor's three seconds, against those who took one meanwhile."""

    @pytest.mark.parametrize("meanwhile", [{"issued": 1}, {"state": CouponState.ENDED}])
    def test_what_was_taken_or_ended_is_not_taken_back(self, room: Room, operator: User, meanwhile: dict[str, Any]) -> None:
        drop = give(rooms=[room], offer=OFFER, by=operator)[0].drops.get()
        drops.press(drop=drop, by=room.anchor)
        Coupon.objects.update(**meanwhile)
        before = Coupon.objects.values().get()
        with pytest.raises(Refused) as refusal:
            drops.undo(drop=drop, by=room.anchor)
        assert refusal.value.code == Code.VERSION_CONFLICT
        assert Coupon.objects.values().get() == before
        assert Drop.objects.get().state == DropState.DROPPED


class TestOpenToAll:
    def test_a_coupon_of_no_room_is_taken_on_the_page_of_ones_coupons(self, client: Client, viewer: User, operator: User) -> None:
        coupon = give(rooms=[], offer=replace(OFFER, ends_at=now() + timedelta(days=1)), by=operator)[0]
        address, take = reverse("my_coupons"), reverse("take_coupon", args=[coupon.public_id])
        client.force_login(viewer)
        page = client.get(address).content.decode()
        key = re.search(r'name="key" value="([0-9a-f-]{36})"', page)
        assert key
        form = {"key": key[1], "next": "my_coupons"}
        assert client.post(take, form).headers["location"] == address
        assert client.post(take, form).headers["location"] == address, "a double click is one coupon"
        assert CouponGrant.objects.get().user == viewer
        page = client.get(address).content.decode()
        assert OFFER.title in page
        assert take not in page
        assert client.post(take, form | {"key": str(uuid.uuid4())}).status_code == 409
        assert CouponGrant.objects.count() == 1

    def test_a_guest_is_asked_to_sign_in(self, client: Client, operator: User) -> None:
        coupon = give(rooms=[], offer=OFFER, by=operator)[0]
        take = reverse("take_coupon", args=[coupon.public_id])
        assert client.post(take, {"key": str(uuid.uuid4()), "next": "my_coupons"}).status_code == 401
        assert not CouponGrant.objects.exists()

    def test_only_what_is_open_and_left_is_shown(self, viewer: User, room: Room, operator: User) -> None:
        ahead = replace(OFFER, starts_at=now() + timedelta(hours=1), ends_at=now() + timedelta(hours=2))
        give(rooms=[], offer=ahead, by=operator)
        give(rooms=[room], offer=OFFER, by=operator)
        gone, shown = (give(rooms=[], offer=OFFER, by=operator)[0] for _ in range(2))
        Coupon.objects.filter(pk=gone.pk).update(issued=gone.total)
        assert festival.open_to_all(viewer) == [shown]


class TestDesk:
    def test_category_window_and_new_followers_reach_the_coupon(self, client: Client, room: Room, operator: User) -> None:
        client.force_login(operator)
        category = Category.objects.create(slug="fruit", name="水果")
        start, end = (timezone.localtime(now()).replace(second=0, microsecond=0) + timedelta(hours=h) for h in (1, 30))
        asked = {"audience": "10", "follow_within": "90", "category": category.pk, "rooms": [room.pk], "give": ""}
        window = {"starts_at": start.strftime("%Y-%m-%dT%H:%M"), "ends_at": end.strftime("%Y-%m-%dT%H:%M")}
        client.post(reverse("admin:campaigns_coupon_festival"), FORM | asked | window)
        coupon, drop = Coupon.objects.get(), Drop.objects.get()
        assert (coupon.category, coupon.audience, coupon.follow_within_s) == (category, CouponAudience.NEW_FOLLOWER, 5400)
        assert (coupon.starts_at, coupon.ends_at) == (drop.not_before, drop.until) == (start, end)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"audience": "11"}, "audience"),
            ({"starts_at": "2037-01-01T00:00"}, "ends_at"),
            ({"ends_at": "2020-01-01T00:00"}, "ends_at"),
            ({"starts_at": "2037-01-02T00:00", "ends_at": "2037-01-01T00:00"}, "ends_at"),
            ({"category": "999"}, "category"),
        ],
    )
    def test_what_does_not_go_together_is_said_at_the_field(
        self, client: Client, operator: User, fields: dict[str, str], field: str
    ) -> None:
        client.force_login(operator)
        answer = client.post(reverse("admin:campaigns_coupon_festival"), FORM | fields | {"give": ""})
        assert list(answer.context["form"].errors) == [field]
        assert not Coupon.objects.exists()

    def test_the_cost_comes_before_the_giving(self, client: Client, room: Room, operator: User) -> None:
        client.force_login(operator)
        address = reverse("admin:campaigns_coupon_festival")
        page = client.post(address, FORM | {"rooms": [room.pk]}).content.decode()
        assert "¥500.00" in page
        assert not Coupon.objects.exists()
        client.post(address, FORM | {"rooms": [room.pk], "give": ""})
        assert Coupon.objects.get().room == room

    def test_an_outsider_sees_the_login(self, client: Client, viewer: User) -> None:
        client.force_login(viewer)
        assert client.get(reverse("admin:campaigns_coupon_festival")).status_code == 302
