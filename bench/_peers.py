"""The peers of `bin/bench fanout --peers`: nginx with nchan, and socket.io on Node. Each is skipped with a word where it is not installed.

Both get the same events over the same sockets as the hub; they do only this one thing: no database, no rights, no catching up.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench._viewers import Viewers, masked, saturate

NCHAN_MODULES = [Path("/usr/lib/nginx/modules/ngx_nchan_module.so"), Path("/usr/lib64/nginx/modules/ngx_nchan_module.so")]
REPOSITORY = Path(__file__).resolve().parent.parent
NGINX = """
load_module {module};
daemon off; worker_processes 1; {user} pid {folder}/nginx.pid; error_log {folder}/error.log crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 15000; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 10000000;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /pub {{ nchan_publisher; nchan_channel_id room; nchan_message_buffer_length 10; }}
    location = /sub {{ nchan_subscriber websocket; nchan_channel_id room; }}
  }}
}}
"""
NODE = """
const http = require("http"), { Server } = require("socket.io");
const server = http.createServer((request, answer) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => { io.emit("e", body); answer.end(); });
});
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, pingInterval: 3600000, serveClient: false });
server.listen(Number(process.argv.at(-1)), "127.0.0.1", 4096);
"""


class Posting:
    """A keep-alive connection that posts events without waiting for each answer."""

    def __init__(self, port: int, path: str, body: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.request = (
            f"POST {path} HTTP/1.1\r\nHost: peer\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )

    def send(self, _event: str) -> None:
        self.socket.sendall(self.request)
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(65536):
                pass
        self.socket.setblocking(True)


def nchan(count: int, seconds: float, event: str, pin: list[str]) -> float | None:
    """Deliveries a second; None where nginx or its module is missing."""
    module = next((path for path in NCHAN_MODULES if path.exists()), None)
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if module is None or program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="nchan-", dir="/var/tmp") as folder:
        port = _free_port()
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(module=module, folder=folder, port=port, user="user root;" if os.geteuid() == 0 else ""))
        with _running([*pin, program, "-p", folder, "-c", str(config)], port):
            return _measure(port, ["/sub"] * count, "", "/pub", event, seconds)


def socket_io(count: int, seconds: float, event: str, pin: list[str]) -> float | None:
    """Deliveries a second; None where Node or the package is missing and cannot be fetched."""
    if not _has_socket_io():
        return None
    port = _free_port()
    with _running([*pin, str(shutil.which("node")), "-e", NODE, "--", str(port)], port):
        return _measure(port, ["/socket.io/?EIO=4&transport=websocket"] * count, "40", "/pub", event, seconds)


def _measure(port: int, paths: list[str], greeting: str, path: str, event: str, seconds: float) -> float:
    viewers = Viewers(port)
    try:
        viewers.join(paths)
        for descriptor in list(viewers.sockets) if greeting else []:
            viewers.sockets[descriptor].sendall(masked(greeting.encode()))
        viewers.settle()
        control = Posting(port, path, event)
        control.send("")
        until = time.monotonic() + 10
        size = 0
        while time.monotonic() < until and not (size and size == sum(viewers.received.values())):
            size = sum(viewers.received.values())
            viewers.read(0.5)
        frame_bytes = size // len(paths)
        viewers.settle()
        return saturate(viewers, control, "e", frame_bytes, seconds)[0]
    finally:
        viewers.close()


def _has_socket_io() -> bool:
    """Whether the package of `package.json` is here, fetched once where npm can."""
    package = REPOSITORY / "node_modules" / "socket.io"
    npm = shutil.which("npm")
    if npm and not package.exists():
        subprocess.run([npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"], cwd=REPOSITORY, check=False)
    return package.exists() and shutil.which("node") is not None


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        for _try in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
