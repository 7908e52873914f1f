from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client

from accounts.models import User
from alliance import links
from alliance.models import Click, Link, PlanState
from alliance.tests import world
from liveshop.refusals import Code, Refused
from rooms.models import Room

pytestmark = pytest.mark.django_db
PHONE = {"HTTP_USER_AGENT": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"}


class TestMake:
    def test_the_same_wish_gives_the_same_link(self, viewer: User) -> None:
        plan = world.make_plan()
        assert links.make(promoter=viewer, plan=plan) == links.make(promoter=viewer, plan=plan)
        assert links.make(promoter=viewer, plan=plan, remark="群里") != links.make(promoter=viewer, plan=plan)

    def test_a_closed_plan_has_no_new_links(self, viewer: User) -> None:
        plan = world.make_plan()
        plan.state = PlanState.CLOSED
        plan.save()
        with pytest.raises(Refused) as refusal:
            links.make(promoter=viewer, plan=plan)
        assert refusal.value.code == Code.ENDED
        assert not Link.objects.exists()


class TestFollow:
    @pytest.fixture
    def link(self, anchor: User) -> Link:
        return links.make(promoter=anchor, plan=world.make_plan())

    def test_it_lands_on_the_product_and_remembers_the_click(self, client: Client, link: Link) -> None:
        response = client.get(f"/a/{link.code}", **PHONE)
        assert response.headers["location"] == f"/p/{link.plan.product.public_id}"
        assert Click.objects.get().public_id in client.cookies["referral"].value

    def test_it_lands_in_the_room(self, client: Client, anchor: User, room: Room) -> None:
        link = links.make(promoter=anchor, plan=world.make_plan(), room=room)
        assert client.get(f"/a/{link.code}", **PHONE).headers["location"] == "/live/axia"

    def test_one_visitor_counts_once_an_hour(self, client: Client, link: Link) -> None:
        for _ in range(3):
            client.get(f"/a/{link.code}", **PHONE)
        assert Click.objects.count() == 1

    def test_two_visitors_count_twice(self, link: Link) -> None:
        for _ in range(2):
            Client().get(f"/a/{link.code}", **PHONE)
        assert Click.objects.count() == 2

    @pytest.mark.parametrize(
        "agent", ["Googlebot/2.1", "Mozilla/5.0 (compatible; Baiduspider/2.0)", "facebookexternalhit/1.1", "curl/8.0", ""]
    )
    def test_bots_land_but_do_not_count(self, client: Client, link: Link, agent: str) -> None:
        assert client.get(f"/a/{link.code}", HTTP_USER_AGENT=agent).status_code == 302
        assert not Click.objects.exists()
        assert "referral" not in client.cookies

    def test_the_newest_click_comes_first(self, client: Client, link: Link, viewer: User) -> None:
        other = links.make(promoter=viewer, plan=world.make_plan())
        client.get(f"/a/{link.code}", **PHONE)
        client.get(f"/a/{other.code}", **PHONE)
        newest, older = Click.objects.order_by("-pk")
        assert f"{newest.public_id},{older.public_id}" in client.cookies["referral"].value

    def test_coming_back_through_one_link_pushes_no_other_out(self, client: Client, link: Link, viewer: User) -> None:
        other = links.make(promoter=viewer, plan=world.make_plan())
        client.get(f"/a/{other.code}", **PHONE)
        for hours in range(12):
            client.get(f"/a/{link.code}", **PHONE)
            Click.objects.filter(link=link).update(hour=F("hour") - timedelta(hours=hours + 1))
        remembered = client.cookies["referral"].value.split(":")[0].split(",")
        newest = Click.objects.filter(link=link).latest("pk").public_id
        assert remembered == [newest, Click.objects.get(link=other).public_id]

    def test_an_unknown_code_is_a_clear_page(self, client: Client) -> None:
        assert client.get("/a/nosuch", **PHONE).status_code == 404

    def test_the_qr_code_is_a_picture(self, client: Client, link: Link) -> None:
        response = client.get(f"/a/{link.code}/qr.svg")
        assert response.headers["content-type"] == "image/svg+xml"
        assert b"<svg" in response.content
