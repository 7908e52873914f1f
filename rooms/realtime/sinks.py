"""How a frame reaches one socket: three writers behind one interface, chosen by what the server offers.

Daphne and uvicorn let us hand the prebuilt bytes to their transport, which is 5 and 1.5 times as fast as ASGI's `send`;
those two lean on private attributes, so every one of them is looked for, not assumed, and anything unknown (TLS, compression,
another server) falls back to the portable writer. All three put the same bytes on the wire, which tests prove.
"""

import asyncio
import socket as sockets
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from django.conf import settings

from rooms.realtime.frames import Frame

Send = Callable[[dict[str, Any]], Awaitable[None]]
CLOSE_HANDSHAKE_S = 5  # Daphne's own second is too short for a slow phone to hear why
FIRST_OWN_CODE = 3000
UNBOUNDED = sys.maxsize
SEND_BUFFER_BYTES = 131_072  # else the kernel keeps up to 4 MB for each viewer who stopped reading


class Sink(Protocol):
    """Writes frames to one socket without ever waiting."""

    name: str

    def write(self, frame: Frame, bound: int = UNBOUNDED) -> bool:
        """Hand over a frame unless more than `bound` bytes wait; False when it was left out. A broken socket is its server's to notice."""

    def backlog(self) -> int:
        """Bytes handed over and not yet taken by the kernel."""

    def abort(self) -> None:
        """Cut the line without waiting for what was handed over; harmless when it is cut already."""


class PortableSink:
    """The reference: ASGI's own `send`, drained by one task, in order. The transport, where the server shows it, only tells and cuts."""

    name = "portable"

    def __init__(self, send: Send, transport: Any = None) -> None:
        self._send = send
        self._transport = transport
        self._waiting: deque[Frame] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def write(self, frame: Frame, bound: int = UNBOUNDED) -> bool:
        if self.backlog() > bound:
            return False
        self._waiting.append(frame)
        self._bytes += len(frame.wire)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())
        return True

    def backlog(self) -> int:
        return self._bytes + _buffered(self._transport)

    def abort(self) -> None:
        self._waiting.clear()
        self._bytes = 0
        _cut(self._transport)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                frame = self._waiting[0]
                await self._send({"type": "websocket.send", "text": frame.text})
                if self._waiting:  # not aborted meanwhile
                    self._waiting.popleft()
                    self._bytes -= len(frame.wire)
        except Exception:
            self._waiting.clear()
            self._bytes = 0
        finally:
            self._task = None


class DaphneSink:
    """Daphne: the bytes go to the kernel at once when nothing is waiting in Twisted's transport, else behind what waits there."""

    name = "daphne"
    __slots__ = (
        "_open",
        "_protocol",
        "_send",
        "_transport",
    )  # few and close together: a thousand of them go through the cache for each frame

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._open = protocol.STATE_OPEN
        self._send = protocol.transport.socket.send
        protocol.closeHandshakeTimeout = CLOSE_HANDSHAKE_S

    def write(self, frame: Frame, bound: int = UNBOUNDED) -> bool:
        transport = self._transport
        if transport.dataBuffer or transport._tempDataLen:
            if self.backlog() > bound:
                return False
            if self._protocol.state == self._open:
                transport.write(frame.wire)
            return True
        if self._protocol.state != self._open:
            return True
        wire = frame.wire
        try:
            sent = self._send(wire)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return True  # gone; the reactor sees it as well
        if sent < len(wire):
            transport.write(wire[sent:])
        return True

    def backlog(self) -> int:
        transport = self._transport
        return int(transport._tempDataLen + len(transport.dataBuffer) - transport.offset)

    def abort(self) -> None:
        _cut(self._transport)


class UvicornSink:
    """uvicorn with its sans-I/O websockets and no deflate: asyncio's transport takes the bytes."""

    name = "uvicorn"

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport = protocol.transport

    def write(self, frame: Frame, bound: int = UNBOUNDED) -> bool:
        if self._transport.get_write_buffer_size() > bound:
            return False
        if not self._transport.is_closing() and not self._protocol.close_sent:
            self._transport.write(frame.wire)
        return True

    def backlog(self) -> int:
        return int(self._transport.get_write_buffer_size())

    def abort(self) -> None:
        _cut(self._transport)


def sink_for(send: Send) -> Sink:
    """The fastest writer that this server's `send` allows; call it after the handshake was accepted."""
    protocol = _protocol(send)
    transport = getattr(protocol, "transport", None)
    _bound_kernel_buffer(transport)
    if settings.HUB_FAST_SINKS and _is_daphne(protocol, transport):
        return DaphneSink(protocol)
    if settings.HUB_FAST_SINKS and _is_uvicorn(protocol, transport):
        return UvicornSink(protocol)
    return PortableSink(send, transport)


async def close(send: Send, code: int) -> None:
    """Daphne's own close takes no code of the protocol itself, such as 1012; the library below it does."""
    protocol = _protocol(send)
    if code < FIRST_OWN_CODE and hasattr(protocol, "sendCloseFrame"):
        protocol.sendCloseFrame(code=code)
    else:
        await send({"type": "websocket.close", "code": code})


def _protocol(send: Any) -> Any:
    """The server's protocol object behind ASGI's `send`, or None."""
    inner, protocol = send, getattr(send, "__self__", None)
    while hasattr(inner, "func") and getattr(inner, "args", None):  # partial(Server.handle_reply, protocol)
        protocol, inner = inner.args[0], inner.func
    return protocol


def _is_daphne(protocol: Any, transport: Any) -> bool:
    """A plain TCP connection of Daphne's, uncompressed."""
    needed = all(hasattr(transport, name) for name in ("dataBuffer", "_tempDataLen", "offset", "connected"))
    if not needed or not hasattr(protocol, "STATE_OPEN") or not isinstance(getattr(transport, "socket", None), sockets.socket):
        return False
    return not getattr(transport, "TLS", False) and getattr(protocol, "_perMessageCompress", None) is None


def _is_uvicorn(protocol: Any, transport: Any) -> bool:
    """A plain TCP connection of uvicorn's sans-I/O websockets, uncompressed."""
    connection = getattr(protocol, "conn", None)
    if connection is None or not hasattr(protocol, "close_sent") or not hasattr(transport, "get_write_buffer_size"):
        return False
    return transport.get_extra_info("ssl_object") is None and not getattr(connection, "extensions", None)


def _buffered(transport: Any) -> int:
    """Bytes that wait in the transport; 0 where it does not tell."""
    if hasattr(transport, "get_write_buffer_size"):
        return int(transport.get_write_buffer_size())
    if hasattr(transport, "_tempDataLen"):
        return int(transport._tempDataLen + len(transport.dataBuffer) - transport.offset)
    return 0


def _cut(transport: Any) -> None:
    for name in ("abortConnection", "abort"):  # Twisted's and asyncio's
        if hasattr(transport, name):
            getattr(transport, name)()
            return


def _bound_kernel_buffer(transport: Any) -> None:
    raw = getattr(transport, "socket", None)
    if raw is None and hasattr(transport, "get_extra_info"):
        raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(raw, "setsockopt"):
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER_BYTES)
