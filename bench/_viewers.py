"""Many websocket viewers in one process: raw sockets and one epoll, fast enough that the server is the limit."""

import base64
import os
import select
import socket
import time
from collections.abc import Sequence
from itertools import zip_longest


class Viewers:
    """`count` sockets to one server. Handshakes go in flights, so that a backlog is not overrun."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.received: dict[int, int] = {}
        self.early: dict[int, bytes] = {}  # what came right behind the handshake

    def join(self, paths: list[str], flight: int = 128, headers: Sequence[str] = ()) -> float:
        """Open one socket for each path, each with its own line of `headers` if given; returns handshakes per second.

        Raises RuntimeError for a refused one.
        """
        began = time.monotonic()
        for start in range(0, len(paths), flight):
            part = slice(start, start + flight)
            waiting = [(self._ask(path, header), bytearray()) for path, header in zip_longest(paths[part], headers[part], fillvalue="")]
            for connection, answer in waiting:
                while b"\r\n\r\n" not in answer:
                    chunk = connection.recv(65536)
                    if not chunk:
                        raise RuntimeError(f"handshake refused: {bytes(answer)[:200]!r}")
                    answer += chunk
                if b" 101 " not in answer.split(b"\r\n", 1)[0]:
                    raise RuntimeError(f"handshake refused: {bytes(answer)[:200]!r}")
                connection.setblocking(False)
                self.sockets[connection.fileno()] = connection
                self.early[connection.fileno()] = bytes(answer).split(b"\r\n\r\n", 1)[1]
                self.poll.register(connection.fileno(), select.EPOLLIN)
        self.received = dict.fromkeys(self.sockets, 0)
        return len(paths) / (time.monotonic() - began)

    def say(self, descriptor: int, text: str) -> None:
        """Send a text frame on one socket."""
        self.sockets[descriptor].sendall(masked(text.encode()))

    def all_hear(self, words: bytes, most_s: float = 10) -> bool:
        """Whether every socket is told these words."""
        silent = {descriptor: early for descriptor, early in self.early.items() if words not in early}
        until = time.monotonic() + most_s
        while silent and time.monotonic() < until:
            for descriptor, _events in self.poll.poll(0.1, 4096):
                chunk = self.sockets[descriptor].recv(262_144)
                if not chunk:
                    return False
                if descriptor in silent:
                    silent[descriptor] += chunk
                    if words in silent[descriptor]:
                        del silent[descriptor]
        return not silent

    def settle(self, quiet_s: float = 1.5) -> None:
        """Read until nothing has come for a while, then count from zero."""
        self.drain(quiet_s)
        self.received = dict.fromkeys(self.sockets, 0)

    def drain(self, quiet_s: float, most_s: float = 120) -> None:
        """Read until nothing has come for `quiet_s`, or for `most_s` at most."""
        heard = began = time.monotonic()
        while time.monotonic() - heard < quiet_s and time.monotonic() - began < most_s:
            if self.read(0.1):
                heard = time.monotonic()

    def read(self, wait_s: float) -> int:
        """Take what has come; returns the bytes taken."""
        total = 0
        for descriptor, _ in self.poll.poll(wait_s, 4096):
            try:
                chunk = self.sockets[descriptor].recv(262_144)
            except BlockingIOError:
                continue
            self.received[descriptor] += len(chunk)
            total += len(chunk)
        return total

    def close(self) -> None:
        for connection in self.sockets.values():
            connection.close()
        self.poll.close()

    def _ask(self, path: str, header: str = "") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *([header] if header else []), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return connection


def masked(payload: bytes) -> bytes:
    """A text frame of up to 64 KB. A mask of zeros leaves the payload as it is and is as valid as any other."""
    size = bytes((0x80 | len(payload),)) if len(payload) < 126 else bytes((0x80 | 126,)) + len(payload).to_bytes(2)
    return b"\x81" + size + b"\0\0\0\0" + payload


class Control:
    """The control socket: small masked text frames."""

    def __init__(self, port: int) -> None:
        self.socket = Viewers(port)._ask("/bench/control")
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(4096)

    def send(self, text: str) -> None:
        self.socket.sendall(masked(text.encode()))

    def ask(self, text: str) -> str:
        self.send(text)
        return self.socket.recv(4096)[2:].decode()


def saturate(viewers: Viewers, control: Control, kind: str, frame_bytes: int, seconds: float, in_flight: int = 4) -> tuple[float, bool]:
    """Closed loop: at most `in_flight` events not yet delivered to all. Returns deliveries/s and whether every viewer got every event."""
    count = len(viewers.sockets)
    began = time.monotonic()
    sent = 0
    total_bytes = 0
    while time.monotonic() - began < seconds:
        while sent - total_bytes // (frame_bytes * count) < in_flight:
            control.send(f"{kind} {sent}")
            sent += 1
        total_bytes += viewers.read(0.5)
    elapsed = time.monotonic() - began
    rate = total_bytes / frame_bytes / elapsed
    viewers.drain(quiet_s=1, most_s=20)
    # A tick with the number of viewers may come along; it is shorter than an event, so it hides none that is missing.
    complete = all(0 <= received - sent * frame_bytes < frame_bytes for received in viewers.received.values())
    return rate, complete
