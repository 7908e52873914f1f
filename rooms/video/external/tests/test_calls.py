"""Requests in the form that each server's documentation gives, and what we read out of them."""

import json

import pytest

from rooms.video.external import calls
from rooms.video.external.calls import BadCall, Call, Kind

NGINX = b"app=live&flashver=FMLE/3.0%20(compatible%3B%20obs&swfurl=&tcurl=rtmp://127.0.0.1:1935/live&pageurl=&addr=127.0.0.1&clientid=4&"
SRS = {
    "server_id": "vid-werty",
    "service_id": "8q4w2c1z",
    "client_id": "9308h583",
    "ip": "192.168.1.10",
    "vhost": "video.test.com",
    "app": "live",
    "tcUrl": "rtmp://video.test.com/live",
    "stream": "room1",
    "param": "?key=abc",
}
MEDIAMTX = {
    "user": "",
    "password": "",
    "token": "",
    "ip": "192.0.2.9",
    "path": "live/room1",
    "protocol": "rtmp",
    "id": "0b3f",
    "query": "key=abc",
}


@pytest.mark.parametrize(
    ("server", "body", "call"),
    [
        (
            "nginx-rtmp",
            NGINX + b"call=publish&name=room1&type=live&key=abc",
            Call(Kind.PUBLISH, "room1", "abc", "4", "127.0.0.1", "FMLE/3.0 (compatible; obs"),
        ),
        (
            "nginx-rtmp",
            NGINX + b"call=publish_done&name=room1&key=abc",
            Call(Kind.UNPUBLISH, "room1", "abc", "4", "127.0.0.1", "FMLE/3.0 (compatible; obs"),
        ),
        (
            "nginx-rtmp",
            NGINX + b"call=record_done&recorder=&name=room1&path=/var/rec/room1-1795447907.flv&key=abc",
            Call(Kind.RECORDED, "room1", "abc", "4", "127.0.0.1", "FMLE/3.0 (compatible; obs", "/var/rec/room1-1795447907.flv"),
        ),
        ("nginx-rtmp", NGINX + b"call=play&name=room1", Call(Kind.REFUSED, "room1", "", "4", "127.0.0.1", "FMLE/3.0 (compatible; obs")),
        ("nginx-rtmp", NGINX + b"call=done&name=room1", Call(Kind.OTHER, "room1", "", "4", "127.0.0.1", "FMLE/3.0 (compatible; obs")),
        ("srs", SRS | {"action": "on_publish"}, Call(Kind.PUBLISH, "room1", "abc", "9308h583", "192.168.1.10", "SRS")),
        ("srs", SRS | {"action": "on_unpublish", "client_id": 1985}, Call(Kind.UNPUBLISH, "room1", "abc", "1985", "192.168.1.10", "SRS")),
        (
            "srs",
            SRS | {"action": "on_dvr", "cwd": "/usr/local/srs", "file": "./objs/nginx/html/live/room1.1420254068776.flv"},
            Call(Kind.RECORDED, "room1", "abc", "9308h583", "192.168.1.10", "SRS", "./objs/nginx/html/live/room1.1420254068776.flv"),
        ),
        ("srs", SRS | {"action": "on_close"}, Call(Kind.OTHER, "room1", "abc", "9308h583", "192.168.1.10", "SRS")),
        ("srs", SRS | {"action": "on_play"}, Call(Kind.REFUSED, "room1", "abc", "9308h583", "192.168.1.10", "SRS")),
        ("mediamtx", MEDIAMTX | {"action": "publish"}, Call(Kind.PUBLISH, "room1", "abc", "0b3f", "192.0.2.9", "RTMP")),
        ("mediamtx", MEDIAMTX | {"action": "read"}, Call(Kind.REFUSED, "room1", "abc", "0b3f", "192.0.2.9", "RTMP")),
        (
            "mediamtx",
            MEDIAMTX | {"action": "publish", "protocol": "webrtc"},
            Call(Kind.REFUSED, "room1", "abc", "0b3f", "192.0.2.9", "WEBRTC"),
        ),
        ("mediamtx", MEDIAMTX | {"action": "read", "protocol": "hls"}, Call(Kind.OTHER, "room1", "abc", "0b3f", "192.0.2.9", "HLS")),
        ("mediamtx", {"action": "unpublish", "path": "live/room1", "id": "0b3f"}, Call(Kind.UNPUBLISH, "room1", client="0b3f")),
        (
            "mediamtx",
            {"action": "recorded", "path": "live/room1", "file": "/rec/live/room1/2026-11-23.mp4"},
            Call(Kind.RECORDED, "room1", file="/rec/live/room1/2026-11-23.mp4"),
        ),
    ],
)
def test_what_each_server_says_is_the_same_call(server: str, body: bytes | dict[str, object], call: Call) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert calls.read(server, sent) == call


def test_what_an_encoder_appends_does_not_override_the_server() -> None:
    """Everything behind the `?` of the stream's name comes last in the form."""
    told = calls.read("nginx-rtmp", NGINX + b"call=publish&name=room1&type=live&key=abc&name=room2&clientid=99&call=publish_done")
    assert (told.kind, told.stream, told.client) == (Kind.PUBLISH, "room1", "4")


@pytest.mark.parametrize("server", sorted(calls.READERS))
@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 30_000, b"a=1&" * 60, b"x" * 70_000, b'{"action":"on_publish","stream":"a\\u0000"}'],
)
def test_anything_else_is_a_bad_call(server: str, body: bytes) -> None:
    with pytest.raises(BadCall):
        calls.read(server, body)
