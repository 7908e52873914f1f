from datetime import timedelta

import pytest

from accounts.models import User
from campaigns.models import Claim, ClaimState
from demo import buyers
from liveshop.clock import now
from orders.models import Order, OrderState
from orders.tests.shop import make_claim, make_deal
from rooms import stage
from rooms.models import Room
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_somebody_buys_what_is_shown_and_pays(room: Room, viewer: User) -> None:
    User.objects.update(is_demo=True)
    stage.pin(room=room, item=cast.make_shelf_item(room), by=room.anchor)
    assert buyers.buy_from_a_shelf(viewer.username)
    order = Order.objects.get()
    assert (order.buyer, order.room, order.due_fen) == (viewer, room, 3990)
    assert order.state == OrderState.UNPAID  # the worker carries the simulator's notice


def test_people_who_are_no_demo_are_left_alone(room: Room, viewer: User) -> None:
    stage.pin(room=room, item=cast.make_shelf_item(room), by=room.anchor)
    assert not buyers.buy_from_a_shelf(viewer.username)
    assert not Claim.objects.filter(state=ClaimState.ORDERED, claimed_at__lt=now()).exists()


def test_only_the_crowd_pays_for_its_claims(room: Room, viewer: User) -> None:
    """Who signs in as a demo account and wins pays for herself, however long she reads the checkout."""
    User.objects.update(is_demo=True)
    claim = make_claim(make_deal(room, cast.make_product(room.anchor.shops.first())), viewer)
    Claim.objects.filter(pk=claim.pk).update(claimed_at=now() - timedelta(seconds=20), expires_at=now() + timedelta(minutes=1))
    assert buyers.pay_for_claims(["somebody-else"]) == 0
    assert not Order.objects.exists()
    willing = claim.pk % 10 < buyers.PAYING_SHARE * 10
    assert buyers.pay_for_claims([viewer.username]) == willing
    assert Order.objects.count() == willing
