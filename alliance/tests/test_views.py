import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from alliance import attribution, commissions, links, plans, pool
from alliance.models import Link, Plan, PlanState, ShelfOffer
from alliance.tests import world
from rooms import shelf
from rooms.models import Room, ShelfItem
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", ["pool", "links", "earnings", "shop_plans"])
def test_a_guest_is_sent_to_the_login(client: Client, name: str) -> None:
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response.headers["location"].startswith("/accounts/login")


def test_a_merchant_sees_who_brought_an_order(client: Client, viewer: User, anchor: User) -> None:
    plan = world.make_plan()
    order = world.make_order(viewer, [plan.product], clicks=[world.make_click(plan, anchor)])
    with transaction.atomic():
        attribution.order_placed_in_tx(order)
    client.force_login(plan.product.shop.owner)
    assert f"{anchor.nickname} 推广" in client.get("/shop/orders").content.decode()


class TestPool:
    def test_it_shows_what_a_unit_earns(self, client: Client, viewer: User) -> None:
        world.make_plan(rate_permille=200)
        client.force_login(viewer)
        page = client.get(reverse("pool")).content.decode()
        assert "每件赚 ¥7.18" in page
        assert "20%" in page

    def test_an_anchor_picks_without_owning_stock(self, client: Client, room: Room) -> None:
        plan = world.make_plan()
        client.force_login(room.anchor)
        response = client.post(reverse("pool_pick", args=[plan.public_id]), headers={"hx-request": "true"})
        assert "1 号" in response.content.decode()
        assert ShelfOffer.objects.get().shelf_item == ShelfItem.objects.get(room=room, product=plan.product)
        room.refresh_from_db()
        assert room.seq == 1

    def test_picking_twice_is_refused_and_changes_nothing(self, client: Client, room: Room) -> None:
        plan = world.make_plan()
        client.force_login(room.anchor)
        client.post(reverse("pool_pick", args=[plan.public_id]))
        assert client.post(reverse("pool_pick", args=[plan.public_id])).status_code == 422
        assert ShelfItem.objects.count() == 1

    def test_what_was_taken_off_the_shelf_can_be_picked_again(self, client: Client, room: Room) -> None:
        plan = world.make_plan()
        item = pool.pick(plan=plan, room=room, by=room.anchor)
        shelf.remove_item(room=room, item=item, by=room.anchor)
        assert [offer.is_picked for offer in pool.listing(room=room)] == [False]
        assert pool.pick(plan=plan, room=room, by=room.anchor) == item
        assert ShelfItem.objects.get().is_listed

    def test_the_studio_hears_what_a_sale_would_earn_now(self, client: Client, room: Room) -> None:
        old = world.make_plan(rate_permille=200)
        item = pool.pick(plan=old, room=room, by=room.anchor)
        new = plans.open_plan(product=old.product, rate_permille=300, by=old.product.shop.owner)
        assert pool.offers_for(room)[item.pk].pays_permille == 300
        plans.close_plan(plan=new, by=old.product.shop.owner)
        assert pool.offers_for(room)[item.pk].pays_permille == 0

    def test_a_closed_plan_cannot_be_picked(self, client: Client, room: Room) -> None:
        plan = world.make_plan()
        Plan.objects.update(state=PlanState.CLOSED)
        client.force_login(room.anchor)
        assert client.post(reverse("pool_pick", args=[plan.public_id])).status_code == 410
        assert not ShelfItem.objects.exists()

    def test_someone_without_a_room_is_told_so(self, client: Client, viewer: User) -> None:
        plan = world.make_plan()
        client.force_login(viewer)
        assert client.post(reverse("pool_pick", args=[plan.public_id])).status_code == 403


class TestLinks:
    def test_a_new_link_shows_its_poster(self, client: Client, viewer: User) -> None:
        plan = world.make_plan()
        client.force_login(viewer)
        page = client.post(reverse("links"), {"plan": plan.public_id}, follow=True).content.decode()
        assert f"/a/{Link.objects.get().code}" in page

    def test_an_outsider_does_not_see_the_poster(self, client: Client, viewer: User, anchor: User) -> None:
        link = links.make(promoter=anchor, plan=world.make_plan())
        client.force_login(viewer)
        assert client.get(reverse("link_poster", args=[link.code])).status_code == 404


class TestEarnings:
    def test_each_promoter_sees_exactly_her_own(self, client: Client, viewer: User, anchor: User, other_anchor: User) -> None:
        for promoter in (anchor, other_anchor):
            plan = world.make_plan()
            order = world.make_order(viewer, [plan.product], clicks=[world.make_click(plan, promoter)])
            attribution.order_placed_in_tx(order)
            with_transaction_paid(order)
        client.force_login(anchor)
        page = client.get(reverse("earnings")).content.decode()
        assert page.count("data-line=") == 1
        assert '<dd data-figure="pending">¥7.18</dd>' in page
        assert '<td class="num" data-sum>¥0.00</td>' in page

    def test_why_a_sale_earns_nothing(self, client: Client, anchor: User) -> None:
        plan = world.make_plan()
        order = world.make_order(anchor, [plan.product], clicks=[world.make_click(plan, anchor)])
        attribution.order_placed_in_tx(order)
        with_transaction_paid(order)
        client.force_login(anchor)
        assert "自己买的" in client.get(reverse("earnings")).content.decode()


def with_transaction_paid(order: world.Order) -> None:
    from django.db import transaction

    with transaction.atomic():
        commissions.order_paid_in_tx(world.pay(order))


class TestPlans:
    def test_a_merchant_opens_changes_and_closes_a_plan(self, client: Client) -> None:
        product = cast.make_product()
        client.force_login(product.shop.owner)
        address = reverse("shop_set_plan", args=[product.public_id])
        for rate, rates in [("20", {200}), ("12.5", {125}), ("12.5", {125}), ("", set())]:
            client.post(address, {"rate": rate})
            assert set(Plan.objects.filter(state=PlanState.OPEN).values_list("rate_permille", flat=True)) == rates
        assert Plan.objects.count() == 2

    @pytest.mark.parametrize("rate", ["0", "90.1", "-5", "abc", "1.25", "１０％"])
    def test_a_wrong_rate_is_refused_and_nothing_changes(self, client: Client, rate: str) -> None:
        product = cast.make_product()
        client.force_login(product.shop.owner)
        assert client.post(reverse("shop_set_plan", args=[product.public_id]), {"rate": rate}).status_code == 422
        assert not Plan.objects.exists()

    def test_an_outsider_cannot_set_a_plan(self, client: Client, viewer: User) -> None:
        product = cast.make_product()
        client.force_login(viewer)
        assert client.post(reverse("shop_set_plan", args=[product.public_id]), {"rate": "20"}).status_code == 403
        assert not Plan.objects.exists()
