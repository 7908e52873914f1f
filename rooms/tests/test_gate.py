"""Who may open one more socket, and how widely the room is told to come back."""

import json
from types import SimpleNamespace

import pytest

from rooms.realtime import hub as hubs
from rooms.realtime.gate import Gate
from rooms.realtime.localroom import LocalRoom

HOME, OFFICE = "8.8.8.8", "9.9.9.9"


@pytest.fixture(autouse=True)
def narrow(settings):
    settings.SOCKETS_PER_PERSON, settings.SOCKETS_PER_ADDRESS = 2, 3


def let_in(gate, address, *people):
    return [gate.enter(person=person, address=address) for person in people]


def test_a_person_is_bounded_wherever_she_is():
    gate = Gate()
    assert let_in(gate, HOME, "a", "a", "a") == [True, True, False]
    assert let_in(gate, OFFICE, "a") == [False]


def test_an_address_is_bounded_whoever_comes():
    gate = Gate()
    assert let_in(gate, HOME, "a", "b", "c", "d") == [True, True, True, False]
    assert let_in(gate, OFFICE, "d") == [True]
    assert let_in(gate, "2606:4700::1", "e", "f", "g") == [True] * 3
    assert not gate.enter(person="h", address="2606:4700::2")


def test_an_ipv4_home_stays_one_on_a_socket_that_listens_on_ipv6():
    gate = Gate()
    assert let_in(gate, f"::ffff:{HOME}", "a", "b", "c", "d") == [True, True, True, False]
    assert let_in(gate, HOME, "e") == [False]
    assert let_in(gate, f"::ffff:{OFFICE}", "f") == [True]
    assert let_in(gate, "::ffff:10.0.0.5", *"ghijk") == [True] * 5


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "172.17.0.1", "::1", ""])
def test_a_proxy_speaks_for_everybody(address):
    assert let_in(Gate(), address, "a", "b", "c", "d") == [True] * 4


def test_who_leaves_makes_room():
    gate = Gate()
    let_in(gate, HOME, "a", "a")
    gate.leave(person="a", address=HOME)
    assert let_in(gate, HOME, "a", "a") == [True, False]
    assert gate._inside.total() == 4
    for _ in range(2):
        gate.leave(person="a", address=HOME)
    assert not gate._inside


@pytest.mark.parametrize(("sockets", "spread_ms"), [(0, 3_000), (30, 3_000), (31, 4_000), (95, 10_000), (5_000, 30_000)])
def test_the_more_come_back_the_longer_they_take(settings, sockets, spread_ms):
    settings.SOCKETS_PER_ADDRESS, settings.RECONNECTS_PER_S = 10_000, 10
    gate = Gate()
    assert all(gate.enter(person=str(n), address=HOME) for n in range(sockets + 1))
    gate.leave(person="0", address=HOME)
    assert gate.spread_ms == spread_ms


def test_a_room_hears_of_another_spread_once(monkeypatch):
    told = []
    member = SimpleNamespace(
        offer=lambda built, lane: told.append(json.loads(built.text)) or True,
        can_recover=lambda: False,
        is_stuck=lambda: False,
        is_behind=False,
        stuck_since=None,
    )
    gate = SimpleNamespace(spread_ms=3_000)
    monkeypatch.setattr(hubs, "gate", gate)
    hub = hubs.Hub()
    room = LocalRoom(1, hub.reading)
    room.members["en"] = [member]
    for gate.spread_ms in (3_000, 7_000, 7_000, 3_000):
        hub._flush(room)
    assert [frame.get("spread") for frame in told] == [None, 7_000, None, 3_000]
