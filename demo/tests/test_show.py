import os
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.models import Deal, DropState
from catalog.models import Sku
from demo.show import DEAL_EVERY, Director
from rooms import stage
from rooms.models import ChatLine, Pin, Room, Show, ShowState
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def director(room: Room) -> Director:
    shop = cast.make_shop(room.anchor)
    for n in range(3):
        cast.make_shelf_item(room, cast.make_product(shop, title=f"苹果{n}", stock=20))
    made = Director(room.slug)
    made.turn = 0
    return made


class TestDirector:
    def test_it_pins_talks_and_restocks_for_its_deals(self, director: Director, room: Room) -> None:
        for _ in range(DEAL_EVERY):
            director.step()
        assert Pin.objects.filter(room=room, ended_at=None).count() == 1
        assert ChatLine.objects.filter(room=room, user=room.anchor).exists()
        assert Deal.objects.filter(room=room, drop__state=DropState.DROPPED).count() == 1
        assert Sku.objects.filter(stock_total__gt=20).count() == 1

    def test_a_deal_and_a_coupon_lie_ready_to_be_pressed(self, director: Director, room: Room) -> None:
        for _ in range(3):
            director.step()
        ready = room.drops.filter(state=DropState.PLANNED)
        assert (ready.filter(deal__isnull=False).count(), ready.filter(coupon__isnull=False).count()) == (1, 1)

    def test_it_starts_an_ended_show_again(self, director: Director, room: Room) -> None:
        Show.objects.update(state=ShowState.ENDED)
        director.step()
        assert Show.objects.filter(state=ShowState.LIVE, is_demo=True).count() == 1

    def test_it_leaves_the_room_to_a_person_who_operates_it(self, director: Director, room: Room) -> None:
        director.step()
        item = room.shelf_items.get(number=3)
        stage.pin(room=room, item=item, by=room.anchor)
        director.step()
        assert Pin.objects.get(ended_at=None).item == item

    def test_a_banned_room_stays_closed(self, director: Director, room: Room) -> None:
        Room.objects.update(is_banned=True)
        director.step()
        assert not Pin.objects.exists()


def test_production_refuses_to_start_with_the_demo() -> None:
    environment = os.environ | {"PRODUCTION": "1", "DEMO": "1"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert "DEMO must be off" in done.stderr
