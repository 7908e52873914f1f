"""The three writers put the same bytes on the wire, read by a plain socket from real Daphne and uvicorn processes."""

import re
from pathlib import Path

import pytest
from django.db import transaction

from rooms import events
from rooms.models import Room
from tests import cast
from tests.browser.site import Site
from tests.sockets.raw import UvicornSite, frame_of, join_raw

pytestmark = pytest.mark.django_db(transaction=True)


def without_clock(wire: bytes) -> bytes:
    return re.sub(rb'"now":\d{13}', b'"now":0', wire)


def wire_of(server: type[Site], fast: str, room: Room, log: Path) -> list[bytes]:
    """A short and a long frame as this server sends them."""
    site = server(log, HUB_FAST_SINKS=fast)
    site.start()
    try:
        with join_raw(site, room) as raw:
            hello = frame_of(raw, b'"hello"')
            with transaction.atomic():
                seq = events.publish_in_tx(room_id=room.pk, kind="stock_changed", panels=["shelf", "stage", "notice"])
            state = frame_of(raw, b'"state"')
    finally:
        site.stop()
    numbered = [(b'"seq":%d' % (seq - 1), b'"seq":0'), (b'"seq":%d' % seq, b'"seq":1'), (b'"since":%d' % (seq - 1), b'"since":0')]
    frames = [hello, state]
    for old, new in numbered:
        frames = [wire.replace(old, new) for wire in frames]
    return [without_clock(wire) for wire in frames]


@pytest.mark.slow
def test_all_writers_send_the_same_bytes(room: Room, tmp_path: Path) -> None:
    for _ in range(12):
        cast.make_shelf_item(room)
    sent = {
        f"{server.__name__} {fast}": wire_of(server, fast, room, tmp_path / f"{server.__name__}{fast}.log")
        for server in (Site, UvicornSite)
        for fast in ("0", "1")
    }
    reference = sent["Site 0"]
    assert reference[0][0] == 0x81
    assert all(wire == reference for wire in sent.values()), {name: [len(part) for part in wire] for name, wire in sent.items()}
