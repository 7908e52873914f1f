"""Slow, silent, broken and hostile sockets, under both servers and with all three writers: they harm themselves alone."""

import asyncio
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from django.db import transaction

from accounts import sanctions
from campaigns import claims, drops
from campaigns.models import Claim, Deal, Drop
from liveshop import servers
from liveshop.refusals import Refused
from liveshop.threads import in_thread
from rooms import events, stage
from rooms.models import Room, Show, ShowState
from rooms.realtime.members import CLOSING_S, STATE_BYTES
from tests import cast
from tests.browser.site import Site
from tests.faults.clients import Viewer, evening, require_kept, require_truth
from tests.scarce import make_deal, make_people
from tests.sockets.raw import UvicornSite, client_frame, join_raw, next_frame

CLOSE, PING, PONG = 0x8, 0x9, 0xA
WRITERS = {"daphne": (Site, "1"), "uvicorn": (UvicornSite, "1"), "portable": (UvicornSite, "0")}


@pytest.fixture(scope="module")
def sites(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """The site with each of the writers, started side by side."""
    folder = tmp_path_factory.mktemp("writers")
    made = {name: server(folder / f"{name}.log", HUB_FAST_SINKS=fast) for name, (server, fast) in WRITERS.items()}
    for site in made.values():
        site.start()
    yield made
    for site in made.values():
        site.stop()


@pytest.fixture
def ready(sites: dict[str, Site], transactional_db: None) -> dict[str, Site]:
    return sites


class Reader(threading.Thread):
    """Reads a raw socket to its end; the time and kind of the last frame stay."""

    def __init__(self, raw: socket.socket) -> None:
        super().__init__(daemon=True)
        self.raw, self.kinds, self.code = raw, [], 0
        self.start()

    def run(self) -> None:
        while True:
            opcode, payload = next_frame(self.raw)
            if opcode == CLOSE:
                self.code = int.from_bytes(payload[:2])
            if opcode in (0, CLOSE):
                return
            if opcode == 1:
                self.kinds.append(json.loads(payload)["t"])


def big_event(room: Room) -> None:
    """All panels of a full shelf, to everybody."""
    with transaction.atomic():
        events.publish_in_tx(room_id=room.pk, kind="shelf_changed", panels=["shelf", "stage", "notice", "pin", "drops"])


def memory_of(site: Site) -> int:
    assert site.process
    return int(psutil.Process(site.process.pid).memory_info().rss)


def test_who_stops_reading_is_sent_away_and_costs_bounded_memory(ready: dict[str, Site], room: Room) -> None:
    for _ in range(60):
        cast.make_shelf_item(room)
    deals = {name: make_deal(room, total=1) for name in ready}
    stopped = {name: [join_raw(site, room, buffer=4096) for _ in range(10)] for name, site in ready.items()}
    dozing = {name: join_raw(site, room, buffer=4096) for name, site in ready.items()}
    healthy = {name: Reader(join_raw(site, room)) for name, site in ready.items()}
    time.sleep(0.5)
    before = {name: memory_of(site) for name, site in ready.items()}
    began, sent, woken = time.monotonic(), 0, {}
    while any(site.output().count("socket_too_slow") < 10 for site in ready.values()) and time.monotonic() - began < 40:
        big_event(room)
        sent += 1
        time.sleep(0.2)
        if not woken and time.monotonic() - began > 5:
            woken = {name: Reader(raw) for name, raw in dozing.items()}
    assert 9 < time.monotonic() - began < 40, "after about ten seconds without progress"
    late = {name: [Reader(raw) for raw in many[:2]] for name, many in stopped.items()}
    time.sleep(CLOSING_S + 2)  # who does not even take the close code is cut off
    for name, site in ready.items():
        assert healthy[name].is_alive(), f"{name}: who reads stays"
        assert woken[name].is_alive(), f"{name}: who reads again in time stays"
        assert "snap" in woken[name].kinds, f"{name}: and gets one snapshot for what was left out"
        assert healthy[name].kinds.count("state") >= sent * 0.5, name
        require_unharmed(site, room, deals[name])
        assert memory_of(site) - before[name] < 2 * (10 * (STATE_BYTES + 128 * 1024) + 10 * 2**20), name
        assert [reader.code for reader in late[name]] == [4008, 4008], f"{name}: who wakes up then hears why"
        for reader in [Reader(raw) for raw in stopped[name][2:]]:
            reader.join(10)
            assert not reader.is_alive(), f"{name}: the line is closed"
    for raw in [*dozing.values(), *(reader.raw for reader in healthy.values()), *(raw for many in stopped.values() for raw in many)]:
        raw.close()


def require_unharmed(site: Site, room: Room, deal: Deal) -> None:
    """The room goes on: of two who tap for its one unit one wins, and both screens are true."""
    viewers = [Viewer(site, room, user) for user in make_people(2)]

    async def work() -> None:
        answers = await asyncio.gather(*[viewer.ask("claim", deal=deal.public_id) for viewer in viewers])
        assert sorted(answer["ok"] for answer in answers) == [False, True]
        await require_truth(viewers, room, deal)

    evening(viewers, work)
    assert len(require_kept(deal, viewers)) == 1


def test_the_servers_are_told_their_bounds() -> None:
    """A silent line is asked and given up within a minute, where the kernel would wait two hours; joiners find room in the backlog."""
    daphne, uvicorn = (command(host="127.0.0.1", port=1) for command in (servers.daphne, servers.uvicorn))
    for command in (daphne, uvicorn):
        asked = {flag: float(value) for flag, value in zip(command, command[1:], strict=False) if "ping" in flag}
        assert len(asked) == 2
        assert sum(asked.values()) <= 60
    assert "backlog=4096" in " ".join(daphne)
    assert uvicorn[uvicorn.index("--backlog") + 1] == "4096"
    assert servers.UVICORN_WEBSOCKETS in uvicorn
    assert "uvloop" in uvicorn
    assert uvicorn[uvicorn.index("--ws-per-message-deflate") + 1] == "false"


TEXT, CONTINUED, BINARY = 0x01, 0x00, 0x02
FIN = 0x80
BEAT = json.dumps({"c": "catch_up", "id": "fuzz", "seq": 0, "chat": ""}).encode()
# What is sent, and whether the socket may live on: RFC 6455 lets the server hang up on the others, and it must.
FUZZ: dict[str, tuple[bytes, bool]] = {
    "fragmented text": (client_frame(BEAT[:9], head=TEXT) + client_frame(BEAT[9:], head=FIN | CONTINUED), True),
    "one byte a fragment": (
        client_frame(BEAT[:1], head=TEXT)
        + b"".join(client_frame(BEAT[n : n + 1], head=CONTINUED) for n in range(1, len(BEAT) - 1))
        + client_frame(BEAT[-1:], head=FIN | CONTINUED),
        True,
    ),
    "a ping between fragments": (
        client_frame(BEAT[:9], head=TEXT) + client_frame(b"hi", head=FIN | PING) + client_frame(BEAT[9:], head=FIN | CONTINUED),
        True,
    ),
    "a thousand pings": (client_frame(b"p" * 125, head=FIN | PING) * 1000, True),
    "an unasked pong": (client_frame(b"?", head=FIN | PONG), True),
    "an empty message": (client_frame(b""), True),
    "bytes": (client_frame(b"\x00\xff", head=FIN | BINARY), True),
    "bad UTF-8": (client_frame(b'{"c":"\xff\xfe"}'), False),
    "UTF-8 cut in two": (client_frame("抢".encode()[:2], head=TEXT) + client_frame("抢".encode()[2:], head=FIN | CONTINUED), True),
    "a surrogate": (client_frame(b"\xed\xa0\x80"), False),
    "a reserved opcode": (client_frame(b"", head=FIN | 0x3), False),
    "a reserved control opcode": (client_frame(b"", head=FIN | 0xB), False),
    "a reserved bit": (client_frame(BEAT, head=0xC1), False),
    "a huge ping": (client_frame(b"p" * 126, head=FIN | PING), False),
    "a fragmented ping": (client_frame(b"p", head=PING), False),
    "a huge close": (client_frame(b"\x03\xe8" + b"c" * 124, head=FIN | CLOSE), False),
    "a close of one byte": (client_frame(b"\x03", head=FIN | CLOSE), False),
    "a close with a forbidden code": (client_frame((1005).to_bytes(2), head=FIN | CLOSE), False),
    "a close with bad UTF-8": (client_frame(b"\x03\xe8\xff", head=FIN | CLOSE), False),
    "a continuation of nothing": (client_frame(BEAT, head=FIN | CONTINUED), False),
    "a text within a text": (client_frame(BEAT[:9], head=TEXT) + client_frame(BEAT), False),
    "no mask": (client_frame(BEAT, masked=False), False),
    "more than fits": (client_frame(b"x" * 20_000), False),
    "a promise of 2^40 bytes": (client_frame(b"x", length=2**40), False),
    "a length with its top bit set": (client_frame(b"x", length=2**63 + 5), False),
    "fragments without end": (client_frame(b"x" * 4000, head=TEXT) + client_frame(b"x" * 4000, head=CONTINUED) * 5, False),
    "plain noise": (bytes(range(256)) * 8, False),
    "a second request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
}


def lives_on(raw: socket.socket) -> bool:
    """Does it answer a question put after the noise?"""
    try:
        raw.sendall(client_frame(BEAT.replace(b"fuzz", b"live")))
    except OSError:
        return False
    while True:
        opcode, payload = next_frame(raw)
        if opcode in (0, CLOSE):
            return False
        if opcode == 1 and b"caught_up" in payload:
            return True


@pytest.mark.parametrize("writer", WRITERS)
def test_broken_frames_end_their_own_socket_only(ready: dict[str, Site], room: Room, writer: str) -> None:
    site = ready[writer]
    deal = make_deal(room, total=1)
    bystander = join_raw(site, room)
    for what, (noise, is_fine) in FUZZ.items():
        with join_raw(site, room) as raw:
            raw.sendall(noise)
            assert lives_on(raw) == is_fine, what
    assert lives_on(bystander)
    bystander.close()
    require_unharmed(site, room, deal)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_close_within_an_unfinished_message_is_a_close(ready: dict[str, Site], room: Room, writer: str) -> None:
    """RFC 6455, 5.4: control frames may come between fragments; the code is echoed."""
    with join_raw(ready[writer], room) as raw:
        raw.sendall(client_frame(b"half a ", head=TEXT) + client_frame((1000).to_bytes(2), head=FIN | CLOSE))
        opcode, payload = next_frame(raw)
        while opcode not in (0, CLOSE):
            opcode, payload = next_frame(raw)
    assert (opcode, payload[:2]) == (CLOSE, (1000).to_bytes(2))


def test_a_hostile_viewer_takes_nothing(ready: dict[str, Site], room: Room) -> None:
    """Replayed keys, another's claim, forged tickets and a flood, while others shop."""
    deal = make_deal(room, total=3)
    users = make_people(4)
    good = [Viewer(ready["daphne"], room, user) for user in users[:3]]
    thief = Viewer(ready["uvicorn"], room, users[3])
    key = str(uuid.uuid4())
    forged = [thief.address.replace("ticket=", "ticket=x"), thief.address[:-4], thief.address.replace(room.public_id, "x" * 12)]
    liars = [Viewer(ready["uvicorn"], room, users[3]) for _ in forged]
    for liar, address in zip(liars, forged, strict=True):
        liar.address = address
        liar.joins = 1  # it never will

    async def work() -> None:
        won = await good[0].ask("claim", key=key, deal=deal.public_id)
        assert won["code"] == "WON"
        # The same key from another person is her own tap: she neither gets nor sees the first one's unit.
        taken = await thief.ask("claim", key=key, deal=deal.public_id)
        assert taken["claim"] != won["claim"]
        # Replayed a hundred times, it stays one unit.
        for _ in range(20):
            again = await good[0].ask("claim", key=key, deal=deal.public_id)
            assert again["claim"] == won["claim"]
        second = await good[0].ask("claim", deal=deal.public_id)
        assert second["refused"]["code"] == "ALREADY_CLAIMED"
        for name, payload in {
            "claim": {"deal": deal.public_id, "user": users[1].pk, "user_id": users[1].pk},
            "take_coupon": {"coupon": deal.public_id},
        }.items():
            await thief.ask(name, **payload)
        assert await in_thread(Claim.objects.filter(deal=deal).count)() == 2
        await require_truth([*good, thief], room, deal)
        assert [liar.codes for liar in liars] == [[4001], [4001], [4001]]
        for n in range(500):
            if thief.socket is None:
                break
            await thief.socket.send(json.dumps({"c": "claim", "id": f"{uuid.uuid4()}", "deal": deal.public_id, "n": n}))
        assert (await good[1].ask("claim", deal=deal.public_id))["code"] == "WON"
        await require_truth(good, room, deal)

    evening([*good, thief, *liars], work)
    require_kept(deal, [*good, thief])
    assert {1006, 4009} & set(thief.codes), "a flood is cut"


def test_two_devices_of_one_anchor_at_once(ready: dict[str, Site], room: Room) -> None:
    """Phone and desk press everything at the same moment: one show, one drop, one pin, and both screens agree."""
    items = [cast.make_shelf_item(room) for _ in range(2)]
    deal = make_deal(room, total=5, is_open=False)
    drop = Drop.objects.get(deal=deal)
    stage.end_show(room=room, by=room.anchor)
    devices = [Viewer(ready[name], room, room.anchor, device=name, staff=True) for name in ("daphne", "uvicorn")]
    audience = [Viewer(ready["portable"], room) for _ in range(3)]

    async def both(act: Any, *each: dict[str, Any]) -> list[Any]:
        done = await asyncio.gather(*[in_thread(act)(**one) for one in each], return_exceptions=True)
        assert all(not isinstance(one, Exception) or isinstance(one, Refused) for one in done), done
        return [one for one in done if not isinstance(one, Exception)]

    async def work() -> None:
        room_now = {"room": room, "by": room.anchor}
        await both(stage.go_live, room_now, room_now)
        for _ in range(5):
            await both(stage.pin, {**room_now, "item": items[0]}, {**room_now, "item": items[1]})
        pressed = await both(drops.press, {"drop": drop, "by": room.anchor}, {"drop": drop, "by": room.anchor})
        assert len(pressed) >= 1
        await both(stage.set_notice, {**room_now, "text": "手机"}, {**room_now, "text": "电脑"})
        await require_truth([*devices, *audience], room)

    evening([*devices, *audience], work)
    assert Show.objects.filter(room=room, state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).count() == 1
    assert Drop.objects.filter(deal=deal).count() == 1
    require_kept(deal, [])
    shown = {device.panels["pin"] for device in [*devices, *audience]}
    assert len(shown) == 1


def test_a_ban_in_the_middle_of_a_claim(ready: dict[str, Site], room: Room) -> None:
    """Half of the crowd is banned while everybody taps: who had won keeps a whole claim or loses it whole, and nobody wins afterwards."""
    deal = make_deal(room, total=30)
    users = make_people(30)
    operator = cast.make_user(is_staff=True, is_superuser=True)
    names = list(WRITERS)
    viewers = [Viewer(ready[names[n % 3]], room, user) for n, user in enumerate(users)]

    def ban(user: Any) -> None:
        sanctions.impose(actor=operator, kind="ban", scope=f"room:{room.public_id}", rule="刷屏", user=user)

    async def work() -> None:
        async def tap(nth: int) -> None:
            await asyncio.sleep(nth % 10 * 0.05)
            try:
                await viewers[nth].ask("claim", deal=deal.public_id, wait_s=6)
            except TimeoutError:
                assert nth % 2 == 0, "only the banned may hear nothing"

        taps = [asyncio.create_task(tap(nth)) for nth in range(len(viewers))]
        for user in users[::2]:
            await in_thread(ban)(user)
        await asyncio.gather(*taps)
        await asyncio.sleep(0.5)
        assert all(4003 in viewer.codes for viewer in viewers[::2]), [viewer.codes for viewer in viewers]
        await require_truth(viewers[1::2], room, deal)

    evening(viewers, work)
    won = require_kept(deal, viewers)
    assert len(won) >= 15
    has_unit = set(Claim.objects.filter(deal=deal).values_list("user_id", flat=True))
    for user in users[::2]:
        if user.pk not in has_unit:
            again = claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4())
            assert again.code == "BANNED", "who had not won when the ban came never does"
    require_kept(deal, viewers)
