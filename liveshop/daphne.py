"""How Daphne is started: one command line for `bin/run`, the browser tests and the benchmarks."""

import sys

BACKLOG = 4096  # Twisted's 50 makes a room's joiners wait for lost handshakes of 1, 3 and 7 seconds
MESSAGE_CAP_BYTES = 16_384  # the longest command of a room page is a chat line
HTTP_TIMEOUT_S = 60


def command(*, host: str, port: int, behind_proxy: bool = False) -> list[str]:
    """The command that serves `liveshop.asgi` on `host:port` in this Python. Only `behind_proxy` believes X-Forwarded-For."""
    interface = host.replace(":", r"\:")
    return [
        *(sys.executable, "-m", "daphne"),
        *("-e", f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"),
        *("--websocket-max-message-size", str(MESSAGE_CAP_BYTES), "--websocket-max-frame-size", str(MESSAGE_CAP_BYTES)),
        *("--http-timeout", str(HTTP_TIMEOUT_S), "--ping-interval", "20", "--ping-timeout", "30"),
        *("--application-close-timeout", "5", "--no-server-name"),
        *(["--proxy-headers"] if behind_proxy else []),
        "liveshop.asgi:application",
    ]
