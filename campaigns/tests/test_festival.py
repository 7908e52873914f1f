import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from campaigns import festival
from campaigns.models import Coupon, CouponAudience, CouponFunder, Drop
from liveshop.refusals import Refused
from rooms.models import Follow, Room
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
OFFER = festival.Offer("11·6 满39减10", 1000, 3900, 50, 1, CouponAudience.ANYONE, 3)
FORM = {"title": "11·6", "off": "10", "threshold": "39", "total": "50", "per_person": "1", "audience": "1", "valid_days": "3"}


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
        given = festival.give(rooms=[room], offer=OFFER, by=operator)
        assert [coupon.funder for coupon in given] == [CouponFunder.PLATFORM]
        assert Drop.objects.get().room == room

    def test_an_anchor_cannot_spend_the_platforms_money(self, room: Room) -> None:
        with pytest.raises(Refused):
            festival.give(rooms=[room], offer=OFFER, by=room.anchor)
        assert not Coupon.objects.exists()


class TestDesk:
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
