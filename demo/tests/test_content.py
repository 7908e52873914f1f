"""The demo's content is believable: no drawing for two goods, picks that fit their rooms, talk as in real rooms."""

from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from demo import rates, stages
from demo.seeding import content
from rooms.models import Room, ShelfItem


def test_each_good_has_a_picture_of_its_own() -> None:
    pictures = Counter(entry["picture"] for entry in content("goods"))
    assert len(pictures) >= 60
    assert not [picture for picture, uses in pictures.items() if uses > 1]
    assert not [picture for picture in pictures if not (Path(settings.BASE_DIR) / "static" / picture).exists()]


@pytest.mark.django_db(transaction=True)
def test_rooms_promote_what_fits_them() -> None:
    call_command("demo_seed", verbosity=0)
    for entry in content("people")["anchors"]:
        room = Room.objects.get(slug=entry["slug"])
        picked = ShelfItem.objects.filter(room=room, offer__isnull=False).select_related("product__category")
        assert picked, room
        assert {item.product.category.slug for item in picked} <= set(entry["promotes"]), room
        most = entry["promotes_to_fen"] or 10**9
        assert all(sku.price_fen <= most for item in picked for sku in item.product.skus.all()), room


def test_talk_follows_the_counts_of_real_rooms() -> None:
    """A talker of the busy room said 22 lines, one of the small rooms one; each over seventeen minutes."""
    assert rates.mood("busy").talk == pytest.approx(41108 / 1847 / 1026)
    assert rates.mood("small").talk == pytest.approx((163 + 123) / (146 + 91) / 1026)
    assert 15 < rates.mood("busy").talk / rates.mood("small").talk < 25


def test_every_category_has_its_own_words() -> None:
    for category in content("places")["categories"]:
        talk = stages.talk_of(category["slug"])
        assert all(len(talk[topic]) >= 2 for topic in ("anchor", "questions", "praise")), category
        assert set(stages.talk_of("")["anchor"]) < set(talk["anchor"])
