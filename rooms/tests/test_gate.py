"""Who may open one more socket."""

import pytest

from rooms.realtime.gate import Gate

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
