"""The command lines of the two servers: one place for `bin/run`, the browser tests and the benchmarks."""

import socket
import sys

APPLICATION = "liveshop.asgi:application"
UVICORN_WEBSOCKETS = "liveshop.websockets:Protocol"
BACKLOG = 4096  # Twisted's 50 makes a room's joiners wait for lost handshakes of 1, 3 and 7 seconds
MESSAGE_CAP_BYTES = 16_384  # the longest command of a room page is a chat line
HTTP_TIMEOUT_S = 60


def listen(host: str, port: int, count: int = 1) -> list[int]:
    """Descriptors of the site's own sockets, one for each server process, open as long as this process: servers inherit them,
    so that connections wait and are not refused while one is started again.

    With a socket each the kernel spreads connections evenly; of one shared socket whoever wakes first takes more than its share.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = [socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=count > 1) for _ in range(count)]
    return [each.detach() for each in made]


def own_host(bind: str) -> str:
    """Where this machine reaches a server that is bound there, as it stands in a URL."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - read, not bound
    return f"[{host}]" if ":" in host else host


def daphne(*, host: str, port: int, fd: int | None = None, behind_proxy: bool = False, application: str = APPLICATION) -> list[str]:
    """Daphne, the default; `fd` is an inherited socket that listens. Only `behind_proxy` believes X-Forwarded-For."""
    interface = host.replace(":", r"\:")
    return [
        *(sys.executable, "-m", "daphne"),
        *("-e", f"tcp:port={port}:interface={interface}:backlog={BACKLOG}" if fd is None else f"fd:fileno={fd}"),
        *("--websocket-max-message-size", str(MESSAGE_CAP_BYTES), "--websocket-max-frame-size", str(MESSAGE_CAP_BYTES)),
        *("--http-timeout", str(HTTP_TIMEOUT_S), "--ping-interval", "20", "--ping-timeout", "30"),
        # A room may be watched for days, and no jump of the clock is to look like that; joiners in a storm get more than 5 s.
        *("--websocket_timeout", "-1", "--websocket_connect_timeout", "20"),
        *("--application-close-timeout", "5", "--no-server-name", "-v", "0"),
        *(["--proxy-headers"] if behind_proxy else []),
        application,
    ]


def uvicorn(*, host: str, port: int, fd: int | None = None, behind_proxy: bool = False, application: str = APPLICATION) -> list[str]:
    """uvicorn, for rooms of thousands: more handshakes a second. Deflate is off, for it costs more than it saves."""
    return [
        *(sys.executable, "-m", "uvicorn", application, "--backlog", str(BACKLOG)),
        *(("--host", host, "--port", str(port)) if fd is None else ("--fd", str(fd))),
        *("--loop", "uvloop", "--ws", UVICORN_WEBSOCKETS, "--ws-per-message-deflate", "false"),
        *(
            "--ws-max-size",
            str(MESSAGE_CAP_BYTES),
            "--ws-ping-interval",
            "20",
            "--ws-ping-timeout",
            "30",
            "--lifespan",
            "off",
            "--log-level",
            "warning",
            "--no-server-header",
        ),
        *(["--proxy-headers", "--forwarded-allow-ips", "*"] if behind_proxy else ["--no-proxy-headers"]),
    ]
