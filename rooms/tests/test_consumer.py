"""A socket's log lines say whose they are; those of tasks that outlive it do not."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from liveshop import wiring
from rooms.realtime import consumer, meter
from rooms.realtime.members import Member
from rooms.tests.test_members import Pipe


async def break_down(connection: Any, payload: Any) -> None:
    raise OSError("disk")


@pytest.mark.parametrize(("name", "more"), [("claim", {"claim": "tap-1"}), ("chat", {})])
def test_a_commands_log_line_names_room_socket_and_claim(name: str, more: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wiring.SOCKET_COMMANDS, name, f"{__name__}:break_down")
    monkeypatch.setattr(wiring, "SOCKET_AT_ONCE", {})

    async def close(code: int) -> None: ...

    async def errand() -> list[dict[str, Any]]:
        connection: Any = SimpleNamespace(language="en", room_id=1)
        member = Member(SimpleNamespace(is_staff=False), Pipe(), close)  # type: ignore[arg-type]
        session = consumer.Session(connection, member)
        structlog.contextvars.bind_contextvars(room="axia", socket="5ea1")
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            session._take(json.dumps({"c": name, "id": "tap-1", "text": "好"}))
            await asyncio.gather(*session.at_work)
        refused = json.loads(member.sink.frames[-1].text)["refused"]
        assert refused["facts"]["incident"] == lines[0]["incident"]
        return lines

    [line] = asyncio.run(errand())
    assert line["event"] == "command_failed"
    assert {key: line[key] for key in ("room", "socket", "command", *more)} == {"room": "axia", "socket": "5ea1", "command": name, **more}


def test_the_meter_that_a_socket_started_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = meter.Meter()
    seen: list[dict[str, Any]] = []

    async def run() -> None:
        seen.append(structlog.contextvars.get_contextvars())

    async def errand() -> None:
        monkeypatch.setattr(ours, "_run", run)
        with structlog.contextvars.bound_contextvars(room="axia", socket="5ea1"):
            ours.start()
        await asyncio.sleep(0.01)

    asyncio.run(errand())
    assert seen == [{}]
