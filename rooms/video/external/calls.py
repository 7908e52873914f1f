"""What media servers tell us by HTTP, each in its own words, as one kind of call. Pure: bytes in, a call or BadCall out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

LONGEST = 64 << 10
LONGEST_FIELD = 1000


class BadCall(ValueError):
    """Not what this server sends."""


class Kind(StrEnum):
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    RECORDED = "recorded"
    OTHER = "other"  # nothing to us; the server wants an answer all the same
    REFUSED = "refused"  # something nobody may do here


@dataclass(frozen=True, slots=True)
class Call:
    """`stream` is the room's public id, `client` the connection as the server names it, empty where it does not say."""

    kind: Kind
    stream: str
    key: str = ""
    client: str = ""
    peer: str = ""
    encoder: str = ""
    file: str = ""


def read(server: str, body: bytes) -> Call:
    """The call of a server of this kind. Raises BadCall."""
    if len(body) > LONGEST:
        raise BadCall("too long")
    return READERS[server](body)


def _nginx(body: bytes) -> Call:
    """A form: `call`, `name`, `clientid`, `addr`, `flashver`, `path`, and what stood behind the `?` of the stream's name."""
    fields = _fields(body.decode("utf-8", "replace"))
    kinds = {"publish": Kind.PUBLISH, "publish_done": Kind.UNPUBLISH, "record_done": Kind.RECORDED, "play": Kind.REFUSED}
    return Call(
        kind=kinds.get(_need(fields, "call"), Kind.OTHER),
        stream=_need(fields, "name"),
        key=fields.get("key", ""),
        client=_need(fields, "clientid"),
        peer=fields.get("addr", ""),
        encoder=fields.get("flashver", ""),
        file=fields.get("path", ""),
    )


def _srs(body: bytes) -> Call:
    """JSON: `action`, `client_id` (a number before version 4), `ip`, `stream`, `param` ("?key=…"), `file`."""
    told = _json(body)
    kinds = {"on_publish": Kind.PUBLISH, "on_unpublish": Kind.UNPUBLISH, "on_dvr": Kind.RECORDED, "on_play": Kind.REFUSED}
    return Call(
        kind=kinds.get(_need(told, "action"), Kind.OTHER),
        stream=told.get("stream", ""),
        key=_fields(told.get("param", "").removeprefix("?")).get("key", ""),
        client=told.get("client_id", ""),
        peer=told.get("ip", ""),
        encoder="SRS",
        file=told.get("file", ""),
    )


def _mediamtx(body: bytes) -> Call:
    """JSON: what `authMethod: http` asks (`action`, `path`, `protocol`, `id`, `query`), and what our hook commands send."""
    told = _json(body)
    kinds = {"publish": Kind.PUBLISH, "unpublish": Kind.UNPUBLISH, "recorded": Kind.RECORDED}
    if told.get("protocol") == "hls":
        kinds["read"] = Kind.OTHER  # its HLS port is nginx's alone, which has checked the address
    if not told.get("protocol", "rtmp").startswith("rtmp"):
        kinds["publish"] = Kind.REFUSED  # a publisher by SRT, WebRTC or RTSP could not be sent away: that call is RTMP's
    path = told.get("path", "")
    query = _fields(told.get("query", "").removeprefix("?"))
    return Call(
        kind=kinds.get(_need(told, "action"), Kind.REFUSED),
        stream=path.rpartition("/")[2],
        key=query.get("key", "") or told.get("password", ""),
        client=told.get("id", ""),
        peer=told.get("ip", ""),
        encoder=told.get("protocol", "").upper(),
        file=told.get("file", ""),
    )


READERS: dict[str, Callable[[bytes], Call]] = {"nginx-rtmp": _nginx, "srs": _srs, "mediamtx": _mediamtx}


def _json(body: bytes) -> dict[str, str]:
    """The object's own texts and numbers, as text."""
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise BadCall("not JSON") from wrong
    if not isinstance(told, dict):
        raise BadCall("not an object")
    return {name: _plain(str(value)) for name, value in told.items() if isinstance(value, str | int)}


def _fields(text: str) -> dict[str, str]:
    """The first of each name, so that nobody says a thing twice: the server's own fields come before the encoder's."""
    try:
        return {name: _plain(values[0]) for name, values in parse_qs(text, keep_blank_values=True, max_num_fields=50).items()}
    except ValueError as wrong:
        raise BadCall("too many fields") from wrong


def _plain(text: str) -> str:
    if len(text) > LONGEST_FIELD or "\0" in text:
        raise BadCall("a field that nobody sends")
    return text


def _need(fields: dict[str, str], name: str) -> str:
    if not fields.get(name):
        raise BadCall(f"without {name}")
    return fields[name]
