import asyncio
import json
import time
import uuid
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from accounts import people, sanctions
from accounts.models import User
from campaigns import claims, holds, waitlist
from liveshop.threads import in_thread
from rooms import chat, moderation, stage
from rooms.models import ChatLine, ChatState, ModeratorGrant, Room, RoomWord
from rooms.realtime import closes
from tests import cast
from tests.browser.site import Site
from tests.scarce import make_deal
from tests.sockets.conftest import join, kind, make_ticket, until

pytestmark = pytest.mark.django_db(transaction=True)


def command(name: str, **payload: Any) -> str:
    return json.dumps({"c": name, "id": str(uuid.uuid4()), **payload})


async def closes_with(socket: Any, wait_s: float = 3) -> int:
    async with asyncio.timeout(wait_s):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006


def run(errand: Any) -> Any:
    return asyncio.run(errand)


@pytest.fixture
def both(room: Room, viewer: User) -> tuple[str, str]:
    """Tickets of a viewer and of a guest."""
    return make_ticket(room, viewer, device="one"), make_ticket(room, device="two")


class TestJoining:
    def test_the_first_frame_tells_clock_and_seq(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> dict[str, Any]:
            async with join(site, room, both[0]) as socket:
                return await until(socket, kind("hello"))

        hello = run(errand())
        assert hello["seq"] == 0
        assert abs(hello["now"] / 1000 - time.time()) < 5

    @pytest.mark.parametrize(
        "spoil", [lambda ticket: ticket[:-3], lambda ticket: "", lambda ticket: "x" * 5000, lambda ticket: ticket.swapcase()]
    )
    def test_a_forged_ticket_is_sent_away(self, site: Site, room: Room, both: tuple[str, str], spoil: Any) -> None:
        async def errand() -> int:
            async with join(site, room, spoil(both[0])) as socket:
                return await closes_with(socket)

        assert run(errand()) == 4001

    def test_a_ticket_opens_one_room_only(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        other = cast.make_room()

        async def errand() -> int:
            async with join(site, other, both[0]) as socket:
                return await closes_with(socket)

        assert run(errand()) == 4001

    def test_one_person_holds_a_bounded_number_of_sockets(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> tuple[int, dict[str, Any], dict[str, Any]]:
            async with AsyncExitStack() as windows:
                mine = [await windows.enter_async_context(join(site, room, both[0])) for _ in range(settings.SOCKETS_PER_PERSON)]
                await until(mine[-1], kind("hello"))
                async with join(site, room, both[0]) as one_more:
                    code = await closes_with(one_more)
                async with join(site, room, both[1]) as another:
                    other = await until(another, kind("hello"))
                await mine[0].close()
                await asyncio.sleep(0.3)
                async with join(site, room, both[0]) as again:
                    return code, other, await until(again, kind("hello"))

        code, other, again = run(errand())
        assert code == 4029
        assert other["t"] == again["t"] == "hello"
        assert other["spread"] == 3000


class TestTapping:
    def test_a_winner_then_refusals_from_memory_each_with_its_own_place(self, site: Site, room: Room) -> None:
        deal, crowd = make_deal(room, total=1), [cast.make_user() for _ in range(4)]

        async def tap(user: User) -> dict[str, Any]:
            async with join(site, room, make_ticket(room, user, device=user.public_id)) as socket:
                await socket.send(command("claim", deal=deal.public_id))
                return await until(socket, kind("reply"))

        async def errand() -> list[dict[str, Any]]:
            return [await tap(user) for user in crowd]

        won, *refused = run(errand())
        assert (won["ok"], won["code"]) == (True, "WON")
        assert [reply["refused"]["code"] for reply in refused] == ["SOLD_OUT"] * 3
        places = [reply["refused"]["facts"]["place"] for reply in refused]
        assert places == sorted(set(places))
        assert all(f"第 {place}" in reply["html"] for place, reply in zip(places, refused, strict=True))

    def test_who_paid_in_another_window_is_told_in_the_room(self, site: Site, room: Room, viewer: User) -> None:
        deal = make_deal(room, total=1)
        claims.claim_now(deal_id=deal.pk, user_id=viewer.pk, key=uuid.uuid4())

        def pay() -> None:
            with transaction.atomic():
                holds.paid_in_tx(holds.order_in_tx(claim_id=deal.claims.get().pk, user=viewer))

        async def errand() -> None:
            async with join(site, room, make_ticket(room, viewer)) as paying:
                await until(paying, kind("hello"))
                await in_thread(pay)()
                await until(paying, kind("yours"))

        run(errand())

    def test_who_waits_is_told_when_it_is_her_turn_and_when_it_went_by(self, site: Site, room: Room, viewer: User) -> None:
        deal, owner, bystander = make_deal(room, total=1), cast.make_user(), cast.make_user()
        won = claims.claim_now(deal_id=deal.pk, user_id=owner.pk, key=uuid.uuid4())
        waitlist.join(deal=deal, user=viewer)

        def give_back() -> None:
            with transaction.atomic():
                holds.return_in_tx(deal.claims.get(public_id=won.claim), "returned")

        async def errand() -> tuple[str, str]:
            async with (
                join(site, room, make_ticket(room, viewer)) as waiting,
                join(site, room, make_ticket(room, bystander, device="two")) as other,
            ):
                for socket in (waiting, other):
                    await until(socket, kind("hello"))
                await in_thread(give_back)()
                await until(waiting, kind("yours"))
                await waiting.send(command("mine"))
                turn = (await until(waiting, kind("mine")))["html"]
                with pytest.raises(TimeoutError):
                    await until(other, kind("yours"), 0.5)
                await in_thread(deal.waitlist.update)(offered_at=timezone.now() - timedelta(seconds=waitlist.OFFER_S + 1))
                await waiting.send(command("mine"))
                return turn, (await until(waiting, kind("mine")))["html"]

        turn, over = run(errand())
        assert "轮到你了" in turn
        assert 'action="/claims/"' in turn
        assert "轮到你的时间过了" in over
        assert f"/deals/{deal.public_id}/wait" in over

    def test_a_phone_that_was_changed_asks_for_a_new_ticket(self, site: Site, room: Room, viewer: User) -> None:
        async def errand() -> int:
            async with join(site, room, make_ticket(room, viewer)) as socket:
                await until(socket, kind("hello"))
                await in_thread(people.take_phone)(user=viewer, phone="+8613900001111", verified=True)
                return await closes_with(socket)

        assert run(errand()) == 4001


class TestChat:
    def test_a_line_reaches_everybody_and_its_sender_once(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> tuple[dict[str, Any], dict[str, Any]]:
            async with join(site, room, both[0]) as sender, join(site, room, both[1]) as guest:
                await until(guest, kind("hello"))
                await sender.send(command("chat", text="几号链接？"))
                reply = await until(sender, kind("reply"))
                return reply, await until(guest, lambda frame: bool(frame.get("chat")))

        reply, tick = run(errand())
        assert reply["ok"]
        assert [line["id"] for line in tick["chat"]] == [reply["line"]]
        assert "几号链接？" in tick["chat"][0]["html"]

    def test_markup_is_escaped(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> dict[str, Any]:
            async with join(site, room, both[0]) as socket:
                await socket.send(command("chat", text="<script>alert(1)</script>"))
                return await until(socket, lambda frame: bool(frame.get("chat")))

        assert "<script>" not in run(errand())["chat"][0]["html"]

    def test_a_guest_is_asked_to_sign_in(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> dict[str, Any]:
            async with join(site, room, both[1]) as socket:
                await socket.send(command("chat", text="你好"))
                return await until(socket, kind("reply"))

        assert run(errand())["refused"]["code"] == "LOGIN_REQUIRED"
        assert not ChatLine.objects.exists()

    def test_the_same_key_is_one_line(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> list[str]:
            same = command("chat", text="来了")
            lines = []
            async with join(site, room, both[0]) as socket:
                for _ in range(3):
                    await socket.send(same)
                    lines.append((await until(socket, kind("reply")))["line"])
            return lines

        assert len(set(run(errand()))) == 1
        assert ChatLine.objects.count() == 1

    def test_two_lines_a_second_are_one_too_many_and_the_first_is_said(self, site: Site, room: Room) -> None:
        async def talk(user: User) -> list[str]:
            async with join(site, room, make_ticket(room, user, device=user.public_id)) as socket:
                lines = [command("chat", text=f"第{n}句") for n in range(4)]
                for line in lines:
                    await socket.send(line)
                replies = {reply["id"]: reply for reply in [await until(socket, kind("reply")) for _ in lines]}
                return [replies[json.loads(line)["id"]].get("refused", {}).get("code", "ok") for line in lines]

        async def errand() -> list[list[str]]:
            return await asyncio.gather(*(talk(user) for user in crowd))

        crowd = [cast.make_user() for _ in range(8)]
        assert run(errand()) == [["ok"] + ["RATE_LIMITED"] * 3] * len(crowd)
        assert set(ChatLine.objects.values_list("text", flat=True)) == {"第0句"}

    def test_a_listed_word_holds_the_line_for_the_operators(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        RoomWord.objects.create(room=room, word="加微信", action="hold")
        operators = make_ticket(room, room.anchor, device="studio", staff=True)

        async def errand() -> tuple[dict[str, Any], dict[str, Any]]:
            async with join(site, room, both[0]) as sender, join(site, room, operators) as studio:
                await until(studio, kind("hello"))
                await sender.send(command("chat", text="加 微-信便宜"))
                return await until(sender, kind("reply")), await until(studio, kind("staff"))

        reply, staff = run(errand())
        assert reply["held"]
        assert "加 微-信便宜" in staff["held"][0]["html"]

    def test_an_operator_who_comes_back_hears_what_was_held_meanwhile(self, site: Site, room: Room, viewer: User) -> None:
        line = ChatLine.objects.create(room=room, user=viewer, text="加微信便宜", state=ChatState.HELD)
        operators = make_ticket(room, room.anchor, device="studio", staff=True)

        async def errand() -> dict[str, Any]:
            async with join(site, room, operators) as studio:
                return await until(studio, kind("staff"))

        assert [one["id"] for one in run(errand())["held"]] == [line.public_id]

    def test_a_deleted_line_is_gone_for_everybody(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> tuple[str, dict[str, Any], float]:
            async with join(site, room, both[0]) as sender, join(site, room, both[1]) as guest:
                await sender.send(command("chat", text="骂人的话"))
                told = await until(guest, lambda frame: bool(frame.get("chat")))
                public_id = told["chat"][0]["id"]
                await sender.send(command("like", n=3))
                began = time.monotonic()
                return public_id, await _deleted(guest, room, public_id), time.monotonic() - began

        public_id, tick, took = run(errand())
        assert tick["gone"] == [public_id]
        assert took < 1.5


async def _deleted(guest: Any, room: Room, public_id: str) -> dict[str, Any]:
    line = await in_thread(ChatLine.objects.get)(public_id=public_id)
    await in_thread(moderation.delete_line)(room=room, line=line, by=room.anchor)
    return await until(guest, lambda frame: bool(frame.get("gone")))


class TestState:
    def test_a_pin_arrives_at_once_in_every_language(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        item = cast.make_shelf_item(room)

        async def errand() -> tuple[dict[str, Any], float]:
            async with join(site, room, both[0]) as socket:
                await until(socket, kind("hello"))
                began = time.monotonic()
                await in_thread(stage.pin)(room=room, item=item, by=room.anchor)
                return await until(socket, kind("state")), time.monotonic() - began

        state, took = run(errand())
        assert (state["seq"], state["kind"]) == (1, "pinned")
        assert item.product.title in state["panels"]["pin"]
        assert took < 1

    def test_a_browser_that_missed_events_gets_the_panels_as_they_are_now(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        one, two = (
            cast.make_shelf_item(room, cast.make_product(title="旧的苹果")),
            cast.make_shelf_item(room, cast.make_product(title="新的橙子")),
        )
        stage.pin(room=room, item=one, by=room.anchor)
        stage.pin(room=room, item=two, by=room.anchor)
        line = chat.say(room=room, user=cast.make_user(), key=uuid.uuid4(), text="错过的话")

        async def errand() -> dict[str, Any]:
            async with join(site, room, both[0]) as socket:
                await socket.send(command("catch_up", seq=0, chat=""))
                return await until(socket, kind("state"))

        state = run(errand())
        assert state["seq"] == 2
        assert "新的橙子" in state["panels"]["pin"]
        assert "旧的苹果" not in state["panels"]["pin"]
        assert [news["id"] for news in state["chat"]] == [line.public_id]

    @pytest.mark.parametrize("seq", [99, -5, "x", None, True])
    def test_a_seq_that_cannot_be_gets_everything(self, site: Site, room: Room, both: tuple[str, str], seq: Any) -> None:
        async def errand() -> dict[str, Any]:
            async with join(site, room, both[0]) as socket:
                await socket.send(command("catch_up", seq=seq))
                return await until(socket, kind("state"))

        assert set(run(errand())["panels"]) == {"stage", "notice", "shelf", "pin", "drops"}


class TestWhoMustLeave:
    def test_a_ban_ends_the_sockets_within_a_second(
        self, site: Site, room: Room, viewer: User, both: tuple[str, str], operator: User
    ) -> None:
        async def errand() -> tuple[int, float, int]:
            async with join(site, room, both[0]) as socket, join(site, room, both[1]) as bystander:
                await until(socket, kind("hello"))
                await until(bystander, kind("hello"))
                began = time.monotonic()
                await in_thread(sanctions.impose)(actor=operator, kind="ban", scope="platform", rule="刷屏", user=viewer)
                code, took = await closes_with(socket), time.monotonic() - began
                await bystander.send(command("catch_up", seq=0))
                assert await until(bystander, kind("state"))
                async with join(site, room, both[0]) as again:
                    return code, took, await closes_with(again)

        code, took, again = run(errand())
        assert code == again == 4003
        assert took < 1

    @pytest.mark.parametrize("by", ["user", "phone"])
    def test_a_ban_ends_a_phone_s_sockets_and_a_guest_s_on_the_last_device(
        self, site: Site, room: Room, viewer: User, both: tuple[str, str], operator: User, by: str
    ) -> None:
        viewer.phone = "+8613900001234"
        viewer.save(update_fields=["phone"])
        people.note_seen(viewer, "one")
        target = {"user": viewer} if by == "user" else {"phone": viewer.phone}
        banned = both[0] if by == "phone" else make_ticket(room, device="one")

        async def errand() -> int:
            async with join(site, room, banned) as socket:
                await until(socket, kind("hello"))
                await in_thread(sanctions.impose)(actor=operator, kind="ban", scope=f"room:{room.public_id}", rule="刷屏", **target)
                return await closes_with(socket)

        assert run(errand()) == 4003

    @pytest.mark.parametrize(("errand", "code"), [("ban", 4003), ("phone", 4003), ("log_out", 4010)])
    def test_a_server_that_was_away_voids_the_tickets_of_those_sent_away_meanwhile(
        self, site: Site, room: Room, viewer: User, both: tuple[str, str], operator: User, errand: str, code: int
    ) -> None:
        people.note_seen(viewer, "one")
        site.stop()
        if errand == "log_out":
            people.log_out_everywhere(user=viewer)
        else:
            target = {"user": viewer} if errand == "ban" else {"phone": viewer.phone}
            sanctions.impose(actor=operator, kind="ban", scope="platform", rule="刷屏", **target)
        site.start()

        async def come_back(ticket: str) -> Any:
            async with join(site, room, ticket) as socket:
                return await closes_with(socket)

        assert run(come_back(both[0])) == code

    def test_logging_out_everywhere_ends_the_sockets_and_a_new_ticket_opens_again(
        self, site: Site, room: Room, viewer: User, both: tuple[str, str]
    ) -> None:
        async def errand() -> tuple[int, int]:
            async with join(site, room, both[0]) as socket:
                await until(socket, kind("hello"))
                await in_thread(people.log_out_everywhere)(user=viewer)
                code = await closes_with(socket)
            fresh = await in_thread(make_ticket)(room, viewer, device="one")
            async with join(site, room, fresh) as socket:
                return code, (await until(socket, kind("hello")))["seq"]

        assert run(errand()) == (4010, 0)

    def test_a_plain_log_out_ends_her_sockets_on_this_device_alone(self, site: Site, room: Room, viewer: User) -> None:
        browser = Client()
        browser.force_login(viewer)
        browser.get("/")
        device = browser.cookies["device"].value.split(":")[0]
        here, there, other, guest = (
            make_ticket(room, who, device=on)
            for who, on in ((viewer, device), (viewer, "phone"), (cast.make_user(), device), (None, device))
        )

        async def errand() -> tuple[int, int, list[str]]:
            async with AsyncExitStack() as windows:
                mine, *others = [await windows.enter_async_context(join(site, room, ticket)) for ticket in (here, there, other, guest)]
                for socket in (mine, *others):
                    await until(socket, kind("hello"))
                assert (await in_thread(browser.post)("/accounts/logout/")).status_code == 302
                code = await closes_with(mine)
                again = await closes_with(await windows.enter_async_context(join(site, room, here)))
                for socket in others:
                    await socket.send(command("catch_up", seq=0))
                return code, again, [(await until(socket, kind("state")))["t"] for socket in others]

        assert run(errand()) == (4010, 4010, ["state"] * 3)

    @pytest.mark.parametrize(("reason", "code"), [("log_out", 4010), ("changed", 0), ("revoked", 4003), ("rehearsal_over", 4003)])
    def test_a_server_that_was_away_finds_every_other_farewell(self, site: Site, room: Room, viewer: User, reason: str, code: int) -> None:
        spoilt = make_ticket(room, viewer, device="one", staff=reason == "revoked")
        kept = make_ticket(room, viewer, device="two") if reason in {"log_out", "revoked"} else make_ticket(room, device="two")
        site.stop()
        if reason == "log_out":
            people.log_out(user=viewer, device="one")
        elif reason == "changed":
            people.take_phone(user=viewer, phone="+8613900004321", verified=True)
        elif reason == "revoked":
            ModeratorGrant.objects.create(room=room, user=viewer, granted_by=room.anchor, powers=[])
            moderation.revoke_moderator(room=room, user=viewer, by=room.anchor)
        else:
            with transaction.atomic():
                sanctions.send_away_in_tx(reason=reason, user=viewer.public_id, scope=f"room:{room.public_id}")
        site.start()

        async def errand() -> tuple[int, str]:
            async with join(site, room, spoilt) as socket:
                told = await closes_with(socket)
            async with join(site, room, kept) as socket:
                return told, (await until(socket, kind("hello")))["t"]

        assert run(errand()) == (code or closes.TICKET, "hello")


class TestAbuse:
    @pytest.mark.parametrize(
        "junk", ["", "{", "[]", '"x"', '{"c":5}', '{"c":"__import__"}', "[" * 3000, '{"c":"chat"}', '{"c":"claim","id":"1"}']
    )
    def test_junk_gets_an_answer_and_harms_nobody(self, site: Site, room: Room, both: tuple[str, str], junk: str) -> None:
        async def errand() -> tuple[dict[str, Any], dict[str, Any]]:
            async with join(site, room, both[0]) as socket:
                await socket.send(junk)
                told = await until(socket, kind("reply"))
                await socket.send(command("catch_up", seq=0))
                return told, await until(socket, kind("state"))

        told, state = run(errand())
        assert told["refused"]["code"] in {"INVALID", "NOT_FOUND", "ENDED"}
        assert state["seq"] == 0

    def test_a_flood_is_slowed_down_and_then_cut(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> int:
            async with join(site, room, both[0]) as socket:
                try:
                    for _ in range(500):
                        await socket.send(command("like", n=1))
                except ConnectionClosed:
                    pass
                return await closes_with(socket)

        # The server says 4009; a client still writing may see the connection reset before it reads that.
        assert run(errand()) in {4009, 1006}

    def test_an_oversized_message_ends_its_own_socket_only(self, site: Site, room: Room, both: tuple[str, str]) -> None:
        async def errand() -> tuple[int, dict[str, Any]]:
            async with join(site, room, both[1]) as bystander, join(site, room, both[0]) as socket:
                await until(bystander, kind("hello"))
                with suppress(ConnectionClosed):  # the server may hang up before it has read everything
                    await socket.send("x" * 2_000_000)
                code = await closes_with(socket)
                await bystander.send(command("catch_up", seq=0))
                return code, await until(bystander, kind("state"))

        code, state = run(errand())
        assert code in {1006, 1009}
        assert state["seq"] == 0
