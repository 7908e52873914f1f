"""Request ids, and what people read while the database is gone."""

import json
import logging
from typing import Any
from unittest import mock

import psycopg
import pytest
import structlog
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from liveshop.logs import DatabaseAway
from rooms.models import Room


class TestRequestId:
    def test_a_good_one_is_kept_and_told(self, client: Client) -> None:
        assert client.get("/healthz", headers={"X-Request-ID": "edge-7f3a.1"})["X-Request-ID"] == "edge-7f3a.1"

    @pytest.mark.parametrize("given", ["", "x", "a b c d e f", "<script>alert(1)</script>", "x" * 65, "日志日志日志"])
    def test_any_other_is_replaced(self, client: Client, given: str) -> None:
        made = client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
        assert made != given
        assert len(made) == 16

    @pytest.mark.django_db
    def test_log_lines_carry_it_with_the_room(self, client: Client, room: Room) -> None:
        seen: dict[str, Any] = {}

        def render(*arguments: Any, **named: Any) -> None:
            seen.update(structlog.contextvars.get_contextvars())
            raise OperationalError

        with mock.patch("rooms.views.render", render):
            client.raise_request_exception = False
            client.get(f"/live/{room.slug}", headers={"X-Request-ID": "edge-7f3a"})
        assert seen == {"request": "edge-7f3a", "room": room.slug}
        assert "request" not in structlog.contextvars.get_contextvars(), "the next request starts clean"


class TestDatabaseGone:
    @pytest.fixture
    def visitor(self, monkeypatch: pytest.MonkeyPatch) -> Client:
        def gone(*arguments: Any, **named: Any) -> None:
            raise OperationalError("connection refused")

        for name in ("cursor", "connect", "ensure_connection"):
            monkeypatch.setattr(BaseDatabaseWrapper, name, gone)
        return Client(raise_request_exception=False)

    @pytest.mark.parametrize("address", ["/", "/live/axia", "/me", "/api/schema/", "/p/abc"])
    def test_a_page_says_so_in_both_languages(self, visitor: Client, address: str) -> None:
        visitor.cookies["sessionid"] = "somebody"
        answer = visitor.get(address)
        assert answer.status_code == 503
        assert "正在自动恢复" in answer.content.decode()
        assert "Try again in a few seconds" in answer.content.decode()
        assert answer["Retry-After"] == "3"

    def test_json_has_the_code(self, visitor: Client) -> None:
        answer = visitor.get("/", headers={"Accept": "application/json"})
        assert (answer.status_code, json.loads(answer.content)["code"]) == (503, "UNAVAILABLE")

    def test_a_fragment_stays_a_fragment(self, visitor: Client) -> None:
        answer = visitor.get("/", headers={"HX-Request": "true"})
        assert answer.status_code == 503
        assert "<html" not in answer.content.decode()
        assert 'data-refused="UNAVAILABLE"' in answer.content.decode()

    def test_health_tells_apart(self, visitor: Client) -> None:
        assert visitor.get("/healthz").status_code == 200
        answer = visitor.get("/readyz")
        assert (answer.status_code, answer.json()["reason"]) == (503, "database")

    def test_figures_are_there_all_the_same(self, visitor: Client) -> None:
        assert b"liveshop_sockets" in visitor.get("/metrics").content


def test_an_own_mistake_is_no_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **named: Any) -> None:
        raise ValueError("ours")

    monkeypatch.setattr("liveshop.health.homes.version", broken)
    assert Client(raise_request_exception=False).get("/healthz").status_code == 500


def test_a_storm_becomes_one_line() -> None:
    calm = DatabaseAway()

    def record(error: Exception) -> logging.LogRecord:
        return logging.LogRecord("django.request", logging.ERROR, "", 1, "Internal Server Error", None, (type(error), error, None))

    first = record(psycopg.OperationalError("connection refused\n"))
    assert calm.filter(first)
    assert first.getMessage() == "database away: connection refused (0 more requests failed)"
    assert first.exc_info is None
    assert not any(calm.filter(record(psycopg.OperationalError("again"))) for _ in range(50))
    assert calm.filter(record(ValueError("ours"))), "other errors are told whole"
