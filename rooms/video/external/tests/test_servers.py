"""What we ask media servers, over real HTTP, and their answers in the form that they give."""

import json
from typing import Any

import pytest

from rooms.video.external import servers
from rooms.video.external.servers import Away, Seen
from rooms.video.external.tests.conftest import Api

# As nginx-rtmp 1.1.4 wrote it while an encoder pushed and one viewer played.
STAT = """<?xml version="1.0" encoding="utf-8" ?>
<rtmp><nginx_version>1.22.1</nginx_version><nginx_rtmp_version>1.1.4</nginx_rtmp_version><pid>29831</pid><uptime>5</uptime>
<naccepted>1</naccepted><bw_in>0</bw_in><bytes_in>155267</bytes_in><server>
<application><name>other</name><live><stream><name>elsewhere</name><publishing/></stream></live></application>
<application><name>live</name><live><stream><name>room1</name><time>3628</time><bw_in>812345</bw_in><bytes_in>152473</bytes_in>
<client><id>9</id><address>127.0.0.1</address><active/></client>
<client><id>1</id><address>127.0.0.1</address><time>3807</time><flashver>FMLE/3.0 (compatible; Lavf62.12</flashver><publishing/><active/></client>
<meta><video><width>640</width><height>360</height><frame_rate>25</frame_rate><codec>H264</codec><profile>Baseline</profile></video>
<audio><codec>AAC</codec><profile>LC</profile><channels>2</channels><sample_rate>44100</sample_rate></audio></meta>
<nclients>2</nclients><publishing/><active/></stream>
<stream><name>waiting</name><time>10</time><nclients>1</nclients></stream><nclients>2</nclients></live></application></server></rtmp>"""
SRS = {
    "code": 0,
    "server": "vid-1",
    "streams": [
        {
            "id": "vid-2",
            "name": "room1",
            "vhost": "vid-3",
            "app": "live",
            "clients": 3,
            "kbps": {"recv_30s": 812, "send_30s": 1},
            "publish": {"active": True, "cid": "9308h583"},
            "video": {"codec": "H264", "profile": "High", "level": "3.1", "width": 640, "height": 360},
            "audio": {"codec": "AAC", "sample_rate": 44100, "channel": 2},
        },
        {"name": "over", "app": "live", "publish": {"active": False, "cid": ""}, "video": None, "audio": None},
    ],
}
MEDIAMTX = {
    "itemCount": 2,
    "pageCount": 1,
    "items": [
        {
            "name": "live/room1",
            "ready": True,
            "source": {"type": "rtmpConn", "id": "0b3f"},
            "tracks": ["H264", "MPEG-4 Audio"],
            "bytesReceived": 18403,
            "readers": [{"type": "hlsMuxer", "id": ""}],
        },
        {"name": "live/over", "ready": False, "source": None, "tracks": [], "readers": []},
    ],
}


@pytest.mark.parametrize(
    ("server", "asked", "body", "seen"),
    [
        ("nginx-rtmp", "/stat", STAT, Seen("room1", "1", "H264", "AAC", 640, 360, 25, 812, "FMLE/3.0 (compatible; Lavf62.12")),
        ("srs", "/api/v1/streams/?count=1000", json.dumps(SRS), Seen("room1", "9308h583", "H264", "AAC", 640, 360, 0, 812, "SRS", 2)),
        (
            "mediamtx",
            "/v3/paths/list?itemsPerPage=1000",
            json.dumps(MEDIAMTX),
            Seen("room1", "0b3f", "H264", "AAC", encoder="MediaMTX", viewers=1),
        ),
    ],
)
def test_the_streams_of_each_server(server: str, asked: str, body: str, seen: Seen, api: Api, settings: Any) -> None:
    settings.EXTERNAL_SERVER, api.body = server, body.encode()
    assert servers.current().look() == [seen]
    assert api.asked == [f"GET {asked}"]


@pytest.mark.parametrize(
    ("server", "asked"),
    [
        ("nginx-rtmp", "GET /control/drop/publisher?app=live&name=room1&clientid=a%2Fb"),
        ("srs", "DELETE /api/v1/clients/a%2Fb"),
        ("mediamtx", "POST /v3/rtmpconns/kick/a%2Fb"),
    ],
)
def test_how_each_server_drops_a_publisher(server: str, asked: str, api: Api, settings: Any) -> None:
    settings.EXTERNAL_SERVER = server
    servers.current().drop("room1", "a/b")
    assert api.asked == [asked]
    api.status = 500
    with pytest.raises(Away, match="HTTP 500"):
        servers.current().drop("room1", "a/b")


@pytest.mark.parametrize("server", ["srs", "mediamtx"])
def test_who_is_gone_needs_no_dropping(server: str, api: Api, settings: Any) -> None:
    settings.EXTERNAL_SERVER, api.status = server, 404
    servers.current().drop("room1", "1")


@pytest.mark.parametrize("server", sorted(servers.SERVERS))
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b"{"])
def test_an_answer_that_is_none_is_away(server: str, body: bytes, api: Api, settings: Any) -> None:
    settings.EXTERNAL_SERVER, api.body = server, body
    with pytest.raises(Away):
        servers.current().look()


def test_a_server_that_is_not_there_is_away(api: Api, settings: Any) -> None:
    settings.EXTERNAL_API = "http://127.0.0.1:9"
    with pytest.raises(Away, match="refused"):
        servers.current().look()
