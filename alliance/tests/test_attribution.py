import pytest
from django.utils import timezone

from accounts.models import IdentityKey, User
from alliance import attribution
from alliance.models import Attribution, AttributionPath, PlanState
from alliance.tests import world
from orders.tests import shop
from rooms.models import Room
from tests import cast

pytestmark = pytest.mark.django_db
ROOM, LINK, NONE = AttributionPath.ROOM, AttributionPath.LINK, AttributionPath.NONE


def decide(order: world.Order) -> Attribution:
    attribution.order_placed_in_tx(order)
    return Attribution.objects.get(line__order=order)


class TestWhoBroughtIt:
    def test_a_room_beats_a_link(self, room: Room, viewer: User, other_anchor: User) -> None:
        plan = world.make_plan()
        world.pick(plan, room)
        click = world.make_click(plan, other_anchor)
        found = decide(world.make_order(viewer, [plan.product], room=room, clicks=[click]))
        assert (found.path, found.promoter, found.rate_permille) == (ROOM, room.anchor, 200)

    def test_the_newest_click_wins(self, viewer: User, anchor: User, other_anchor: User) -> None:
        plan = world.make_plan()
        older, newer = world.make_click(plan, anchor, days_ago=3), world.make_click(plan, other_anchor)
        found = decide(world.make_order(viewer, [plan.product], clicks=[newer, older]))
        assert (found.path, found.promoter, found.click) == (LINK, other_anchor, newer)

    @pytest.mark.parametrize(("days_ago", "path"), [(0, LINK), (14.9, LINK), (15.1, NONE), (400, NONE)])
    def test_the_window(self, viewer: User, anchor: User, days_ago: float, path: str) -> None:
        plan = world.make_plan()
        assert decide(world.make_order(viewer, [plan.product], clicks=[world.make_click(plan, anchor, days_ago=days_ago)])).path == path

    def test_a_click_on_another_product_does_not_count(self, viewer: User, anchor: User) -> None:
        click = world.make_click(world.make_plan(), anchor)
        assert decide(world.make_order(viewer, [cast.make_product()], clicks=[click])).path == NONE

    def test_a_forged_referral_is_nobodys(self, viewer: User) -> None:
        order = world.make_order(viewer, [world.make_plan().product])
        order.referral = "' OR 1=1 --,,xx"
        assert decide(order).path == NONE

    def test_two_lines_two_promoters(self, viewer: User, anchor: User, other_anchor: User) -> None:
        shop = cast.make_shop()
        one, two = (world.make_plan(cast.make_product(shop, title=f"苹果{n}")) for n in (1, 2))
        order = world.make_order(
            viewer, [one.product, two.product], clicks=[world.make_click(one, anchor), world.make_click(two, other_anchor)]
        )
        attribution.order_placed_in_tx(order)
        assert [found.promoter for found in Attribution.objects.filter(line__order=order).order_by("line")] == [anchor, other_anchor]


class TestNoCommission:
    def test_buying_through_oneself(self, anchor: User) -> None:
        plan = world.make_plan()
        found = decide(world.make_order(anchor, [plan.product], clicks=[world.make_click(plan, anchor)]))
        assert (found.no_commission_reason, found.rate_permille) == ("self_purchase", 0)

    @pytest.mark.parametrize("kind", ["phone", "device", "payer"])
    def test_buying_through_the_same_person(self, viewer: User, anchor: User, kind: str) -> None:
        for user in (viewer, anchor):
            IdentityKey.objects.create(user=user, kind=kind, digest=b"k" * 32, keep_until=timezone.now())
        plan = world.make_plan()
        assert (
            decide(world.make_order(viewer, [plan.product], clicks=[world.make_click(plan, anchor)])).no_commission_reason == "same_person"
        )

    def test_own_goods_in_the_own_room(self, room: Room, viewer: User) -> None:
        product = cast.make_product(cast.make_shop(room.anchor))
        assert decide(world.make_order(viewer, [product], room=room)).no_commission_reason == "own_goods"

    def test_a_merchant_promoting_her_own_goods(self, viewer: User) -> None:
        plan = world.make_plan()
        assert (
            decide(world.make_order(viewer, [plan.product], clicks=[world.make_click(plan, plan.product.shop.owner)])).no_commission_reason
            == "own_goods"
        )

    def test_a_closed_plan(self, viewer: User, anchor: User) -> None:
        plan = world.make_plan()
        click = world.make_click(plan, anchor)
        plan.state = PlanState.CLOSED
        plan.save()
        found = decide(world.make_order(viewer, [plan.product], clicks=[click]))
        assert (found.path, found.no_commission_reason) == (LINK, "no_plan")


class TestFrozen:
    def test_a_later_rate_changes_nothing(self, viewer: User, anchor: User) -> None:
        plan = world.make_plan(rate_permille=200)
        order = world.make_order(viewer, [plan.product], clicks=[world.make_click(plan, anchor)], discount_fen=990)
        decide(order)
        plan.rate_permille = 10
        plan.save()
        found = Attribution.objects.get(line__order=order)
        assert (found.rate_permille, found.base_fen) == (200, 3000)

    def test_the_rate_is_that_of_the_order_not_of_the_click(self, viewer: User, anchor: User) -> None:
        old = world.make_plan(rate_permille=200)
        click = world.make_click(old, anchor)
        old.state = PlanState.CLOSED
        old.save()
        world.make_plan(old.product, rate_permille=300)
        assert decide(world.make_order(viewer, [old.product], clicks=[click])).rate_permille == 300


@pytest.mark.django_db(transaction=True)
def test_an_order_keeps_every_click_that_a_visitor_carries(viewer: User, anchor: User) -> None:
    plan = world.make_plan()
    first = world.make_click(plan, anchor, days_ago=9)
    later = [world.make_click(world.make_plan(), anchor, days_ago=n / 10) for n in range(9)]
    order = shop.place(viewer, plan.product, referral=",".join(click.public_id for click in [*later, first]))
    assert Attribution.objects.get(line__order=order).click == first
