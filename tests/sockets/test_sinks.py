"""The three writers put the same bytes on the wire, read by a plain socket from real Daphne and uvicorn processes."""

import asyncio
import re
import socket
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from rooms import events
from rooms.models import Room
from rooms.realtime.frames import frame
from rooms.realtime.sinks import SEND_BUFFER_BYTES, DaphneSink, PortableSink, UvicornSink, sink_for
from tests import cast
from tests.browser.site import Site
from tests.sockets.raw import UvicornSite, frame_of, join_raw

pytestmark = pytest.mark.django_db(transaction=True)


def without_clock(wire: bytes) -> bytes:
    return re.sub(rb'"now":\d{13}', b'"now":0', wire)


def wire_of(server: type[Site], fast: str, room: Room, log: Path) -> tuple[str, list[bytes]]:
    """The writer in use, and a short and a long frame as this server sends them."""
    site = server(log, HUB_FAST_SINKS=fast)
    site.start()
    try:
        with join_raw(site, room) as raw:
            hello = frame_of(raw, b'"hello"')
            with transaction.atomic():
                seq = events.publish_in_tx(room_id=room.pk, kind="stock_changed", panels=["shelf", "stage", "notice"])
            state = frame_of(raw, b'"state"')
            with urllib.request.urlopen(f"{site.url}/metrics", timeout=5) as answer:
                writers = re.findall(r'^liveshop_sockets_by_writer{.*?writer="(\w+)"} 1.0$', answer.read().decode(), re.MULTILINE)
    finally:
        site.stop()
    numbered = [(b'"seq":%d' % (seq - 1), b'"seq":0'), (b'"seq":%d' % seq, b'"seq":1'), (b'"since":%d' % (seq - 1), b'"since":0')]
    frames = [hello, state]
    for old, new in numbered:
        frames = [wire.replace(old, new) for wire in frames]
    return ",".join(writers), [without_clock(wire) for wire in frames]


@pytest.mark.slow
def test_all_writers_send_the_same_bytes(room: Room, tmp_path: Path) -> None:
    for _ in range(12):
        cast.make_shelf_item(room)
    told = {
        (server.__name__, fast): wire_of(server, fast, room, tmp_path / f"{server.__name__}{fast}.log")
        for server in (Site, UvicornSite)
        for fast in ("0", "1")
    }
    assert {asked: writer for asked, (writer, _wire) in told.items()} == {
        ("Site", "0"): "portable",
        ("Site", "1"): "daphne",
        ("UvicornSite", "0"): "portable",
        ("UvicornSite", "1"): "uvicorn",
    }
    sent = {asked: wire for asked, (_writer, wire) in told.items()}
    reference = sent["Site", "0"]
    assert reference[0][0] == 0x81
    assert all(wire == reference for wire in sent.values()), {name: [len(part) for part in wire] for name, wire in sent.items()}


class Line:
    """A transport as Daphne's (Twisted) or uvicorn's (asyncio) looks, over a real socket; it keeps what it is handed."""

    def __init__(self, server: str, raw: socket.socket, *, tls: bool = False) -> None:
        self.waiting = b""
        if server == "daphne":
            self.socket, self.TLS, self.connected, self.offset, self._tempDataLen = raw, tls, True, 0, 0
        else:
            known = {"socket": raw, "ssl_object": object() if tls else None}
            self.get_extra_info = known.get
            self.get_write_buffer_size = lambda: len(self.waiting)
            self.is_closing = lambda: False

    @property
    def dataBuffer(self) -> bytes:  # noqa: N802 - Twisted's name
        if not hasattr(self, "socket"):
            raise AttributeError
        return self.waiting

    def write(self, wire: bytes) -> None:
        self.waiting += wire


def stand_in(server: str, raw: socket.socket, *, tls: bool = False, compressed: bool = False) -> Any:
    """The ASGI `send` of a connection of this server."""

    class Protocol:
        STATE_OPEN = state = 3
        transport = Line(server, raw, tls=tls)

        async def send(self, _message: Any) -> None:
            await asyncio.sleep(3600)

    protocol = Protocol()
    if server == "daphne":
        protocol._perMessageCompress = object() if compressed else None
    elif server == "uvicorn":
        del Protocol.STATE_OPEN
        protocol.conn, protocol.close_sent = SimpleNamespace(extensions=["deflate"] if compressed else []), False
    else:
        del Protocol.STATE_OPEN
    return protocol.send


@pytest.fixture
def pair() -> Any:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield ours
    ours.close()
    theirs.close()


FASTEST = {"daphne": DaphneSink, "uvicorn": UvicornSink}


@pytest.mark.parametrize("server", FASTEST)
def test_only_a_plain_known_connection_gets_the_fast_writer(server: str, pair: socket.socket, settings: Any) -> None:
    settings.HUB_FAST_SINKS = True
    assert type(sink_for(stand_in(server, pair))) is FASTEST[server]
    assert type(sink_for(stand_in(server, pair, tls=True))) is PortableSink
    assert type(sink_for(stand_in(server, pair, compressed=True))) is PortableSink
    assert type(sink_for(stand_in("another", pair))) is PortableSink
    settings.HUB_FAST_SINKS = False
    assert type(sink_for(stand_in(server, pair))) is PortableSink


@pytest.mark.parametrize("server", ["daphne", "uvicorn", "portable"])
def test_every_writer_bounds_the_kernel_and_its_backlog(server: str, pair: socket.socket, settings: Any) -> None:
    settings.HUB_FAST_SINKS = server != "portable"
    pair.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)

    async def errand() -> None:
        sink = sink_for(stand_in("daphne" if server == "portable" else server, pair))
        assert sink.name == server
        assert pair.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER_BYTES, "Linux tells twice what was asked"
        big = frame({"t": "x", "pad": "x" * 500_000})
        assert sink.write(big, 0)
        waiting = sink.backlog()
        assert 0 < waiting <= len(big.wire)
        assert not sink.write(big, waiting - 1)
        assert sink.backlog() == waiting, "a refused frame leaves nothing behind"
        assert sink.write(big, waiting)
        assert sink.backlog() > waiting

    asyncio.run(errand())
