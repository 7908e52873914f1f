"""Who may rehearse and when; that nothing real is touched, nobody else sees it, and nothing of it stays."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from campaigns import claims, coupons, deals, drops, holds, tasks
from campaigns.models import Claim, Deal, Rehearsal, RehearsalState
from campaigns.rehearsal import bookings, performance, scenery, witness
from catalog.models import Product, Sku
from liveshop.clock import now
from liveshop.refusals import Code, Refused
from orders import checkout
from orders.models import Order
from rooms import chat, stage
from rooms.models import ModeratorGrant, Room, RoomEvent, Show, ShowState
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
KEPT = {"accounts.AuditEntry", "accounts.Farewell", "campaigns.Rehearsal", "sessions.Session"}


@pytest.fixture
def quiet(room: Room) -> Room:
    """The anchor's room, off air, with goods of her own."""
    Show.objects.all().delete()
    shop = cast.make_shop(room.anchor)
    for n in range(2):
        cast.make_shelf_item(room, cast.make_product(shop, title=f"苹果{n}", stock=50))
    return room


@pytest.fixture(autouse=True)
def _short_undo(settings) -> None:
    settings.DROP_UNDO_S = 0.05


def book(room: Room, by: User | None = None, **changes) -> Rehearsal:
    sku = Sku.objects.filter(product__shop__owner=room.anchor).order_by("pk").first()
    return bookings.book(room=room, by=by or room.anchor, **{"sku": sku, "price_fen": 100, "total": 5, "run_s": 60, "crowd": 20} | changes)


def begun(room: Room) -> tuple[Rehearsal, scenery.Scenery]:
    booked = book(room)
    built = bookings.begin(booked)
    assert built is not None
    return booked, built


def counts() -> dict[str, int]:
    models = [model for model in apps.get_models() if model._meta.label not in KEPT and not model._meta.label.startswith("procrastinate")]
    return {model._meta.label: model.objects.count() for model in models}


def open_drop(built: scenery.Scenery, by: User) -> Deal:
    drop = built.room.drops.get()
    drops.press(drop=drop, by=by)
    Deal.objects.filter(drop=drop).update(starts_at=now())
    return Deal.objects.get(drop=drop)


class TestBooking:
    def test_a_show_on_air_comes_first(self, quiet: Room) -> None:
        stage.go_live(room=quiet, by=quiet.anchor)
        with pytest.raises(Refused) as refused:
            book(quiet)
        assert refused.value.code == Code.FORBIDDEN
        assert not Rehearsal.objects.exists()

    def test_one_at_a_time_on_a_site(self, quiet: Room, other_anchor: User) -> None:
        other = cast.make_room(other_anchor, live=False)
        cast.make_shelf_item(other, cast.make_product(cast.make_shop(other_anchor)))
        first = book(quiet)
        with pytest.raises(Refused):
            book(other)
        bookings.wish(rehearsal=first, by=quiet.anchor, wish="abort")
        assert book(other).slot == 1
        assert list(Rehearsal.objects.values_list("state", flat=True).order_by("pk")) == [RehearsalState.ABORTED, RehearsalState.BOOKED]

    @pytest.mark.parametrize(
        "changes", [{"crowd": 19}, {"crowd": 201}, {"price_fen": 0}, {"price_fen": 3990}, {"total": 0}, {"run_s": 9}, {"length_s": 7}]
    )
    def test_nonsense_is_refused(self, quiet: Room, changes: dict) -> None:
        with pytest.raises(Refused) as refused:
            book(quiet, **changes)
        assert refused.value.code == Code.INVALID
        assert not Rehearsal.objects.exists()

    def test_others_goods_and_other_people_are_refused(self, quiet: Room, viewer: User, operator: User) -> None:
        foreign = cast.make_product().skus.get()
        with pytest.raises(Refused):
            book(quiet, sku=foreign)
        for person in (viewer, operator):
            with pytest.raises(Refused):
                book(quiet, by=person)
        assert not Rehearsal.objects.exists()

    def test_what_nobody_began_or_what_died_frees_the_slot(self, quiet: Room) -> None:
        before = counts()
        booked = book(quiet)
        Rehearsal.objects.update(deadline=now() - timedelta(seconds=1))
        tasks.tick(0)
        booked.refresh_from_db()
        assert (booked.state, booked.why, booked.slot) == (RehearsalState.FAILED, "no_worker", None)
        died, _built = begun(quiet)
        Rehearsal.objects.filter(pk=died.pk).update(deadline=now() - timedelta(seconds=1))
        tasks.tick(0)
        died.refresh_from_db()
        assert (died.state, died.why, died.slot) == (RehearsalState.FAILED, "died", None)
        assert counts() == before

    def test_it_begins_once(self, quiet: Room) -> None:
        booked, _built = begun(quiet)
        assert bookings.begin(booked) is None
        assert Room.objects.filter(is_rehearsal=True).count() == 1


class TestStage:
    def test_nothing_of_it_stays(self, quiet: Room) -> None:
        before = counts()
        stock = list(Sku.objects.order_by("pk").values_list("stock_total", "stock_available", "stock_held"))
        booked, built = begun(quiet)
        anchor = quiet.anchor
        stage.pin(room=built.room, item=built.room.shelf_items.first(), by=anchor)
        chat.say(room=built.room, user=anchor, key=uuid.uuid4(), text="一元福利，5 件，准备")
        deal = open_drop(built, anchor)
        outcomes = [claims.claim_now(deal_id=deal.pk, user_id=person.pk, key=uuid.uuid4()).code for person in built.crowd]
        assert outcomes.count("WON") == 5
        coupon = coupons.plan(
            by=anchor, title="", off_fen=100, threshold_fen=0, total=9, room=built.room, valid_days=1,
            target=coupons.Target(product=built.room.shelf_items.first().product),
        )  # fmt: skip
        drops.press(drop=drops.plan(room=built.room, coupon=coupon, by=anchor), by=anchor)
        assert claims.take_now(coupon_id=coupon.pk, user_id=built.crowd[0].pk, key=uuid.uuid4()).code in ("WON", "NOT_STARTED")
        deals.end(deal=deal, by=anchor)
        conduct = witness.conduct(booked, built.room)
        assert (conduct.won, conduct.says_price, conduct.says_units, conduct.is_opened) == (5, True, True, True)
        assert bookings.end(booked, RehearsalState.SCORED, score={"points": 1})
        assert counts() == before
        assert list(Sku.objects.order_by("pk").values_list("stock_total", "stock_available", "stock_held")) == stock
        assert not bookings.end(booked, RehearsalState.FAILED)
        booked.refresh_from_db()
        assert (booked.state, booked.slot, booked.stage, booked.score) == (RehearsalState.SCORED, None, None, {"points": 1})

    def test_only_those_with_a_grant_may_come_in(self, client: Client, quiet: Room, viewer: User, operator: User) -> None:
        helper = cast.make_user("场控小鹿二")
        ModeratorGrant.objects.create(room=quiet, user=helper, powers=["drop", "mute", "shelf"], granted_by=quiet.anchor)
        _booked, built = begun(quiet)
        paths = [reverse(name, args=[built.room.slug]) for name in ("room", "room_ticket", "room_catchup", "studio", "studio_ticket")]
        for person in (None, viewer, operator):
            if person:
                client.force_login(person)
            assert {client.get(path).status_code for path in paths} <= {401, 403, 404}
            assert client.get(paths[0]).status_code == 404
            assert client.post(reverse("room_say", args=[built.room.slug]), {"text": "x"}).status_code == 404
        for person in (quiet.anchor, helper):
            client.force_login(person)
            assert {client.get(path).status_code for path in paths} == {200}
            page = client.get(paths[0]).content.decode()
            assert "彩排 REHEARSAL" in page
        assert built.room.granted_powers(helper.pk) == {"drop"}

    def test_nobody_finds_its_room_or_its_goods(self, client: Client, quiet: Room) -> None:
        _booked, built = begun(quiet)
        title = Product.objects.filter(shop__owner=built.room.anchor).first().title
        for path in (reverse("feed"), reverse("search") + f"?q={title}"):
            page = client.get(path).content.decode()
            assert built.room.slug not in page
            assert not any(
                public_id in page for public_id in Product.objects.filter(shop__owner=built.room.anchor).values_list("public_id", flat=True)
            )
        assert not Show.objects.filter(room=built.room).exists()

    def test_nothing_of_it_can_be_ordered(self, quiet: Room) -> None:
        _booked, built = begun(quiet)
        deal = open_drop(built, quiet.anchor)
        winner = built.crowd[0]
        assert claims.claim_now(deal_id=deal.pk, user_id=winner.pk, key=uuid.uuid4()).is_won
        claim = Claim.objects.get(user=winner)
        with pytest.raises(Refused) as refused, transaction.atomic():
            holds.order_in_tx(claim_id=claim.pk, user=winner)
        assert refused.value.code == Code.FORBIDDEN
        item = built.room.shelf_items.select_related("product").last()
        buyer = cast.make_user()
        address = buyer.addresses.create(name="小满", phone="13800138000", province="浙江省", city="杭州市", district="西湖区", detail="1")
        for wanted in ({"items": [(item.product.skus.first(), 1, item)], "claim": None}, {"items": [(deal.sku, 1, None)], "claim": claim}):
            with pytest.raises(Refused):
                checkout.place(
                    buyer=winner if wanted["claim"] else buyer, key=uuid.uuid4(), address=address, grant_id="", accepted_due_fen=100, room=built.room, **wanted
                )  # fmt: skip
        assert not Order.objects.exists()

    def test_it_promises_nothing(self, client: Client, quiet: Room) -> None:
        _booked, built = begun(quiet)
        deal = open_drop(built, quiet.anchor)
        assert deal.commitment is None
        assert client.get(reverse("drop", args=[deal.public_id])).status_code == 404


class TestPerformance:
    """The crowd knocks at a door nobody answers: what counts here is how it ends."""

    @pytest.mark.parametrize(
        ("wish", "on_air", "state", "why"),
        [
            ("abort", False, RehearsalState.ABORTED, "asked"),
            ("finish", False, RehearsalState.SCORED, ""),
            ("", True, RehearsalState.ABORTED, "on_air"),
        ],
    )
    def test_however_it_ends_nothing_stays(self, quiet: Room, settings, wish: str, on_air: bool, state: int, why: str) -> None:
        settings.REHEARSAL_SERVER = "http://127.0.0.1:9"
        before = counts()
        booked = book(quiet)
        Rehearsal.objects.filter(pk=booked.pk).update(wish=wish)
        if on_air:
            stage.go_live(room=quiet, by=quiet.anchor)
            before = counts()
        asyncio.run(performance.perform(booked.public_id))
        booked.refresh_from_db()
        assert (booked.state, booked.why, booked.slot) == (state, why, None)
        assert (booked.score is not None) == (state == RehearsalState.SCORED)
        assert counts() == before

    def test_one_whose_stage_cannot_be_built_frees_the_slot(self, quiet: Room) -> None:
        booked = book(quiet)
        Rehearsal.objects.filter(pk=booked.pk).update(sku=None)
        with pytest.raises(ValueError, match="goods"):
            asyncio.run(performance.perform(booked.public_id))
        booked.refresh_from_db()
        assert (booked.state, booked.slot) == (RehearsalState.FAILED, None)


class TestWitness:
    @pytest.mark.parametrize(
        ("text", "price_fen", "says"),
        [
            ("只要1元", 100, True), ("一块钱带走", 100, True), ("¥1 秒杀", 100, True), ("原价39.9元", 100, False), ("11元", 100, False),
            ("9.9 元", 990, True), ("¥19.9", 990, False), ("¥9.90", 990, False), ("九块", 900, True), ("1 yuan", 100, True),
        ],
    )  # fmt: skip
    def test_the_price_itself_is_heard(self, text: str, price_fen: int, says: bool) -> None:
        assert witness._names_price(text, price_fen) is says

    def test_times_are_counted_back_from_the_opening(self, quiet: Room) -> None:
        booked, built = begun(quiet)
        anchor = quiet.anchor
        line = chat.say(room=built.room, user=anchor, key=uuid.uuid4(), text="等下放福利，一元 5 件")
        stage.pin(room=built.room, item=built.room.shelf_items.first(), by=anchor)
        drops.press(drop=built.room.drops.get(), by=anchor, opens_in_s=12)
        opens_at = now() - timedelta(seconds=2)
        Deal.objects.filter(room=built.room).update(starts_at=opens_at)
        moments = {"pinned": 20, "drop_pressed": 12}
        for kind, before_s in moments.items():
            RoomEvent.objects.filter(room=built.room, kind=kind).update(at=opens_at - timedelta(seconds=before_s))
        type(line).objects.filter(pk=line.pk).update(at=opens_at - timedelta(seconds=30))
        seen = witness.conduct(booked, built.room)
        assert (seen.announced_before_s, seen.pinned_before_s, seen.countdown_s) == (30, 20, 12)
        assert seen.own_lines == 1
        assert seen.says_price
        assert not seen.spoke_after

    def test_an_unopened_drop_is_seen_as_such(self, quiet: Room) -> None:
        booked, built = begun(quiet)
        assert not witness.conduct(booked, built.room).is_opened


class TestPages:
    def test_outsiders_see_none_of_it(self, client: Client, quiet: Room, viewer: User, operator: User) -> None:
        booked = book(quiet)
        paths = [reverse("studio_rehearsals", args=[quiet.slug]), reverse("studio_rehearsal", args=[quiet.slug, booked.public_id])]
        for person in (viewer, operator):
            client.force_login(person)
            assert [client.get(path).status_code for path in paths] == [403, 403]
            verb = reverse("studio_rehearsal_wish", args=[quiet.slug, booked.public_id, "abort"])
            assert client.post(verb).status_code == 403
        booked.refresh_from_db()
        assert booked.is_going_on

    def test_a_planned_drop_is_rehearsed_as_it_is_planned(self, client: Client, quiet: Room) -> None:
        sku = Sku.objects.filter(product__shop__owner=quiet.anchor).first()
        planned = deals.plan(room=quiet, sku=sku, by=quiet.anchor, total=7, price_fen=990, run_s=3600)
        client.force_login(quiet.anchor)
        path = reverse("studio_rehearsals", args=[quiet.slug])
        assert planned.drop.public_id in client.get(path).content.decode()
        answer = client.post(path, {"crowd": 40, "length_s": 60, "draft": planned.drop.public_id})
        booked = Rehearsal.objects.get()
        assert answer.url == reverse("studio_rehearsal", args=[quiet.slug, booked.public_id])
        assert (booked.sku, booked.total, booked.price_fen, booked.run_s, booked.crowd) == (sku, 7, 990, 300, 40)
        planned.refresh_from_db()
        assert planned.state == 0
        assert client.post(path, {"crowd": 40, "length_s": 60, "draft": "another"}).status_code == 404

    def test_an_own_wish_is_rehearsed_and_a_wrong_one_told(self, client: Client, quiet: Room) -> None:
        client.force_login(quiet.anchor)
        path = reverse("studio_rehearsals", args=[quiet.slug])
        sku = Sku.objects.filter(product__shop__owner=quiet.anchor).first()
        asked = {"crowd": 20, "length_s": 60, "sku": sku.public_id, "price": "1.00", "total": 3, "run_s": 30}
        assert client.post(path, asked | {"total": ""}).status_code == 422
        assert client.post(path, asked | {"crowd": 5000}).status_code == 422
        assert not Rehearsal.objects.exists()
        assert client.post(path, asked).status_code == 302
        page = client.get(path).content.decode()
        assert "你有一场彩排正在进行" in page

    def test_a_real_show_makes_the_running_one_give_way(self, quiet: Room) -> None:
        booked, built = begun(quiet)
        assert not performance._look(booked, built.room, []).is_on_air
        Show.objects.create(room=quiet, title="x", state=ShowState.LIVE, started_at=now())
        assert performance._look(booked, built.room, []).is_on_air
