"""A camera on its way through a page's process."""

import asyncio
from typing import Any

import pytest

from rooms.realtime import closes
from rooms.video import addresses, passing


@pytest.mark.parametrize("room", ["axia?x=", "../healthz", "a" * 17, "", "a\r\nx: y"])
def test_only_a_rooms_name_becomes_part_of_the_path_that_is_asked(room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "media_connect", lambda *_given, **_more: pytest.fail("the media process was asked"))
    monkeypatch.setattr(passing, "_is_own_page", lambda _scope: True)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(passing.camera({"url_route": {"kwargs": {"room": room}}, "query_string": b"", "headers": []}, receive, send))
    assert sent[-1] == {"type": "websocket.close", "code": closes.REFUSED}


@pytest.mark.parametrize("token", ["", ".", "9999999999.é", "9999999999." + "0" * 32, "9" * 5000 + ".x", "１２.x"])
def test_a_token_that_is_not_ours_opens_nothing(token: str) -> None:
    assert not addresses.holds("axia", token)
