"""A websocket client without a websocket library, and the site under uvicorn."""

import base64
import os
import socket

from accounts.models import User
from liveshop import servers
from rooms.models import Room
from tests.browser.site import Site
from tests.sockets.conftest import make_ticket


class UvicornSite(Site):
    """The same site under uvicorn, started as `liveshop.servers` says."""

    def start(self, wait_s: float = 40) -> Site:
        usual, servers.daphne = servers.daphne, servers.uvicorn
        try:
            return super().start(wait_s)
        finally:
            servers.daphne = usual


def join_raw(site: Site, room: Room, user: User | None = None, *, buffer: int = 0) -> socket.socket:
    """A joined socket after its HTTP answer, without any websocket library; `buffer` is what its kernel takes in unread."""
    raw = socket.socket()
    if buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    raw.settimeout(10)
    raw.connect(("127.0.0.1", site.port))
    key = base64.b64encode(os.urandom(16)).decode()
    ask = [
        f"GET /ws/live/{room.public_id}?ticket={make_ticket(room, user, device=os.urandom(8).hex())} HTTP/1.1",
        f"Host: 127.0.0.1:{site.port}",
    ]
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


def next_frame(raw: socket.socket) -> tuple[int, bytes]:
    """Opcode and payload of the next frame; (0, b"") when the line is cut."""
    try:
        head = exactly(raw, 2)
        length = head[1]
        if length in (126, 127):
            length = int.from_bytes(exactly(raw, 2 if length == 126 else 8))
        return head[0] & 0x0F, exactly(raw, length)
    except (AssertionError, OSError):
        return 0, b""


def client_frame(payload: bytes, *, head: int = 0x81, masked: bool = True, length: int | None = None) -> bytes:
    """One frame as a client sends it; `length` may lie."""
    told = len(payload) if length is None else length
    mask = 0x80 if masked else 0
    if told < 126:
        top = bytes((head, mask | told))
    elif told < 65536:
        top = bytes((head, mask | 126)) + told.to_bytes(2)
    else:
        top = bytes((head, mask | 127)) + told.to_bytes(8)
    # A mask of zeros leaves the payload as it is and is as valid as any other.
    return top + (b"\0\0\0\0" if masked else b"") + payload
