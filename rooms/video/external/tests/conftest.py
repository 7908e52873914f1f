"""A small server that stands where the media server's own API would be, and the settings that point to it."""

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.test import Client

HOOK = "hook-" + "h" * 32
LINK = "link-" + "l" * 32


class Api:
    """Answers every request with `status` and `body`; `asked` holds what came."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, b"", list[str]()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                api.asked.append(f"{self.command} {self.path}")
                self.send_response(api.status)
                self.send_header("Content-Length", str(len(api.body)))
                self.end_headers()
                self.wfile.write(api.body)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the library's names

            def log_message(self, format: str, *values: Any) -> None:
                """Nothing to say."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def carries(self, *streams: tuple[str, str], codec: str = "H264", width: int = 640) -> None:
        """nginx-rtmp's statistics page with these rooms and connections."""
        told = "".join(
            f"<stream><name>{room}</name><time>3628</time><bw_in>812000</bw_in><client><id>{client}</id>"
            f"<flashver>FMLE/3.0 (compatible; obs)</flashver><publishing/><active/></client>"
            f"<meta><video><width>{width}</width><height>360</height><frame_rate>25</frame_rate><codec>{codec}</codec></video>"
            f"<audio><codec>AAC</codec></audio></meta><nclients>1</nclients><publishing/><active/></stream>"
            for room, client in streams
        )
        page = f"<rtmp><server><application><name>live</name><live>{told}</live></application></server></rtmp>"
        self.body = f'<?xml version="1.0" encoding="utf-8" ?>\n{page}'.encode()


@pytest.fixture
def api(settings: Any) -> Iterator[Api]:
    server = Api()
    server.carries()
    settings.VIDEO_TIER, settings.EXTERNAL_SERVER, settings.EXTERNAL_API = "external", "nginx-rtmp", server.url
    settings.EXTERNAL_HOOK_SECRET, settings.EXTERNAL_LINK_SECRET = HOOK, LINK
    settings.EXTERNAL_HLS, settings.RTMP_URL = "https://video.example/hls", "rtmp://video.example/live"
    cache.clear()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def tell(api: Api, client: Client) -> Callable[..., Any]:
    """A callback of nginx-rtmp, as it sends it."""

    def send(call: str, room: Any, clientid: int = 1, key: str = "", **more: Any) -> Any:
        fields = {"app": "live", "flashver": "FMLE/3.0", "tcurl": "rtmp://127.0.0.1/live", "addr": "192.0.2.7", "clientid": clientid}
        fields |= {"call": call, "name": room.public_id} | ({"key": key} if key else {}) | more
        kind = "application/x-www-form-urlencoded"
        return client.post(f"/internal/media/nginx-rtmp?secret={HOOK}", urlencode(fields), content_type=kind)

    return send
