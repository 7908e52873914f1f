"""The other direction: asking a media server what it carries and telling it to drop somebody. One class a kind of server."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Protocol
from xml.etree import ElementTree

from django.conf import settings

APP = "live"
WAIT_S = 2.0
LONGEST = 4 << 20


class Away(Exception):
    """The media server does not answer, or not as it should. Its text is for operators."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A stream that the server carries now; a figure is 0 and a codec empty while the server does not know."""

    stream: str
    client: str = ""
    video: str = ""
    audio: str = ""
    width: int = 0
    height: int = 0
    frame_rate: float = 0
    kbps: int = 0
    encoder: str = ""
    viewers: int = 0


class Server(Protocol):
    def look(self) -> list[Seen]:
        """The streams of our application. Raises Away."""
        ...

    def drop(self, stream: str, client: str) -> None:
        """End this publisher's connection; nobody there is fine. Raises Away."""
        ...


def current() -> Server:
    """The server that EXTERNAL_SERVER names."""
    return SERVERS[settings.EXTERNAL_SERVER]()


class NginxRtmp:
    """`rtmp_stat` and `rtmp_control` of one worker process: more than one would each know a part only."""

    def look(self) -> list[Seen]:
        try:
            told = ElementTree.fromstring(_ask("GET", "/stat"))  # noqa: S314 - our own server's page, bounded, never a stranger's
        except ElementTree.ParseError as wrong:
            raise Away("the answer is no statistics page") from wrong
        apps = [app for app in told.iter("application") if app.findtext("name") == APP]
        return [_of_stat(stream) for app in apps for stream in app.iter("stream") if stream.find("publishing") is not None]

    def drop(self, stream: str, client: str) -> None:
        query = {"app": APP, "name": stream} | ({"clientid": client} if client else {})
        _ask("GET", f"/control/drop/publisher?{urllib.parse.urlencode(query)}")


def _of_stat(stream: "ElementTree.Element") -> Seen:
    publisher = next((one for one in stream.iter("client") if one.find("publishing") is not None), None)
    return Seen(
        stream=stream.findtext("name") or "",
        client=(publisher.findtext("id") or "") if publisher is not None else "",
        video=(stream.findtext("meta/video/codec") or "").strip(),
        audio=(stream.findtext("meta/audio/codec") or "").strip(),
        width=int(_number(stream.findtext("meta/video/width"))),
        height=int(_number(stream.findtext("meta/video/height"))),
        frame_rate=_number(stream.findtext("meta/video/frame_rate")),
        kbps=round(_number(stream.findtext("bw_in")) / 1000),
        encoder=(publisher.findtext("flashver") or "") if publisher is not None else "",
    )


class Srs:
    """SRS's HTTP API, version 5."""

    def look(self) -> list[Seen]:
        streams = _json_of(_ask("GET", "/api/v1/streams/?count=1000")).get("streams", [])
        return [self._seen(one) for one in streams if one.get("app") == APP and (one.get("publish") or {}).get("active")]

    def drop(self, stream: str, client: str) -> None:
        if client:
            _ask("DELETE", f"/api/v1/clients/{urllib.parse.quote(client, safe='')}", missing_is_fine=True)

    def _seen(self, one: dict[str, Any]) -> Seen:
        video, audio = one.get("video") or {}, one.get("audio") or {}
        return Seen(
            stream=str(one.get("name", "")),
            client=str(one["publish"].get("cid", "")),
            video=str(video.get("codec", "")),
            audio=str(audio.get("codec", "")),
            width=int(_number(video.get("width"))),
            height=int(_number(video.get("height"))),
            kbps=int(_number((one.get("kbps") or {}).get("recv_30s"))),
            encoder="SRS",
            viewers=max(int(_number(one.get("clients"))) - 1, 0),
        )


class MediaMtx:
    """MediaMTX's control API, version 3."""

    def look(self) -> list[Seen]:
        items = _json_of(_ask("GET", "/v3/paths/list?itemsPerPage=1000")).get("items") or []
        return [self._seen(one) for one in items if one.get("ready") and str(one.get("name", "")).startswith(f"{APP}/")]

    def drop(self, stream: str, client: str) -> None:
        if client:
            _ask("POST", f"/v3/rtmpconns/kick/{urllib.parse.quote(client, safe='')}", missing_is_fine=True)

    def _seen(self, one: dict[str, Any]) -> Seen:
        tracks = [str(track) for track in one.get("tracks") or []]
        return Seen(
            stream=str(one["name"]).rpartition("/")[2],
            client=str((one.get("source") or {}).get("id", "")),
            video=next((track for track in tracks if track in ("H264", "H265", "AV1", "VP8", "VP9")), ""),
            audio="AAC" if "MPEG-4 Audio" in tracks else next((track for track in tracks if track in ("Opus", "MPEG-1/2 Audio")), ""),
            encoder="MediaMTX",
            viewers=len(one.get("readers") or []),
        )


SERVERS: dict[str, type[NginxRtmp] | type[Srs] | type[MediaMtx]] = {"nginx-rtmp": NginxRtmp, "srs": Srs, "mediamtx": MediaMtx}


def _ask(method: str, path: str, *, missing_is_fine: bool = False) -> bytes:
    """One request to EXTERNAL_API. Raises Away."""
    request = urllib.request.Request(settings.EXTERNAL_API.rstrip("/") + path, method=method)  # noqa: S310 - the operator's own setting
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310
            return bytes(answer.read(LONGEST))
    except urllib.error.HTTPError as refused:
        if missing_is_fine and refused.code == 404:
            return b""
        raise Away(f"HTTP {refused.code}") from refused
    except (OSError, ValueError) as gone:
        why = getattr(gone, "reason", gone)
        raise Away((getattr(why, "strerror", None) or str(why))[:100]) from gone


def _json_of(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError as wrong:
        raise Away("the answer is no JSON") from wrong
    if not isinstance(told, dict):
        raise Away("the answer is no object")
    return told


def _number(text: object) -> float:
    try:
        return max(float(str(text)), 0.0)
    except ValueError:
        return 0.0
