"""Doors of share posters: for whom, and with whose link."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from alliance import links
from alliance.models import Link, PlanState
from alliance.tests import world
from rooms import stage
from rooms.models import Recording, Room, Show, ShowState
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(client: Client, user: User | None) -> Client:
    if user:
        client.force_login(user)
    return client


@pytest.fixture
def pinned(room: Room) -> Any:
    item = cast.make_shelf_item(room, cast.make_product(title="洛川红富士", price_fen=3990, stock=9))
    stage.pin(room=room, item=item, by=room.anchor)
    return item.product


def test_asking_makes_the_link_once_and_looking_never(client: Client, room: Room, viewer: User, pinned: Any) -> None:
    world.make_plan(pinned)
    sign_in(client, viewer)
    first = client.get("/live/axia/poster").content.decode()
    assert "http://testserver/live/axia" in first
    assert not Link.objects.exists()
    for _ in range(2):
        assert client.post("/live/axia/poster").headers["location"] == "/live/axia/poster"
    link = Link.objects.get()
    page = client.get("/live/axia/poster").content.decode()
    assert f"http://testserver/a/{link.code}" in page
    assert "39.9" in page
    assert "成交算你的" in page


@pytest.mark.parametrize("who", ["guest", "owner", "operator", "closed plan", "no plan"])
def test_who_cannot_earn_shares_the_room_itself(client: Client, room: Room, viewer: User, operator: User, pinned: Any, who: str) -> None:
    plan = world.make_plan(pinned)
    if who == "closed plan":
        plan.state = PlanState.CLOSED
        plan.save()
    if who == "no plan":
        plan.delete()
    people = {"guest": None, "owner": pinned.shop.owner, "operator": operator}
    sign_in(client, people.get(who, viewer))
    assert client.post("/live/axia/poster").status_code == 302
    page = client.get("/live/axia/poster").content.decode()
    assert not Link.objects.exists()
    assert "http://testserver/live/axia" in page
    assert "成交算你的" not in page


def test_a_closed_room_has_none(client: Client, room: Room, viewer: User) -> None:
    assert client.get("/live/nowhere/poster").status_code == 404
    assert client.get("/live/axia/shows/none/1/poster").status_code == 404
    Room.objects.update(is_rehearsal=True)
    assert sign_in(client, viewer).post("/live/axia/poster").status_code == 404


def test_without_anything_to_sell_there_is_no_price(client: Client, room: Room) -> None:
    page = client.get("/live/axia/poster").content.decode()
    assert "data-poster" in page
    assert "data-price" not in page


def test_a_clip_that_is_gone_leads_to_its_room(client: Client, room: Room, viewer: User, pinned: Any) -> None:
    link = links.make(promoter=viewer, plan=world.make_plan(pinned), room=room)
    show = room.shows.get()
    Show.objects.update(state=ShowState.ENDED)
    Recording.objects.create(room=room, show=show, path="a.mp4", mime="", duration_ms=9000)
    there = f"/live/axia/shows/{show.public_id}/1"

    def target(asked: str) -> str:
        return client.get(f"/a/{link.code}?clip={asked}").headers["location"]

    assert target(f"{show.public_id}.1") == there
    for wrong in (
        "",
        ".",
        "x.1",
        f"{show.public_id}.",
        f"{show.public_id}.-1",
        f"{show.public_id}.12345",
        f"{show.public_id}/../.1",
        "//evil.1",
    ):
        assert target(wrong) == "/live/axia", wrong
    other = cast.make_room()
    theirs = links.make(promoter=viewer, plan=link.plan, room=other)
    assert client.get(f"/a/{theirs.code}?clip={show.public_id}.1").headers["location"] == f"/live/{other.slug}"
    Recording.objects.update(removed_at=show.started_at or show.planned_at or "2026-01-01T00:00Z")
    assert target(f"{show.public_id}.1") == "/live/axia"
