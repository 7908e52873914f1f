"""The three writers put the same bytes on the wire, read by a plain socket from real Daphne and uvicorn processes."""

import base64
import os
import re
import socket
from pathlib import Path

import pytest
from django.db import transaction

from liveshop import servers
from rooms import events
from rooms.models import Room
from tests import cast
from tests.browser.site import Site
from tests.sockets.conftest import make_ticket

pytestmark = pytest.mark.django_db(transaction=True)


class UvicornSite(Site):
    """The same site under uvicorn, started as `liveshop.servers` says."""

    def start(self, wait_s: float = 40) -> Site:
        usual, servers.daphne = servers.daphne, servers.uvicorn
        try:
            return super().start(wait_s)
        finally:
            servers.daphne = usual


def join_raw(site: Site, room: Room) -> socket.socket:
    """A joined socket after its HTTP answer, without any websocket library."""
    raw = socket.create_connection(("127.0.0.1", site.port), timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    ask = [f"GET /ws/live/{room.public_id}?ticket={make_ticket(room, device='raw')} HTTP/1.1", f"Host: 127.0.0.1:{site.port}"]
    ask += ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    raw.sendall("\r\n".join(ask).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += raw.recv(1)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return raw


def exactly(raw: socket.socket, count: int) -> bytes:
    taken = b""
    while len(taken) < count:
        chunk = raw.recv(count - len(taken))
        assert chunk, "closed early"
        taken += chunk
    return taken


def frame_of(raw: socket.socket, wanted: bytes) -> bytes:
    """The next frame with `wanted` in it: its bytes, header included."""
    while True:
        head = exactly(raw, 2)
        length = head[1]
        if length in (126, 127):
            more = exactly(raw, 2 if length == 126 else 8)
            head, length = head + more, int.from_bytes(more)
        payload = exactly(raw, length)
        if wanted in payload:
            return head + payload


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
