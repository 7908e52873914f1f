"""Log lines are whole, machine-readable in production, and keep secrets."""

import io
import json
import logging
import logging.config
from typing import Any

import pytest

from liveshop.logs import logging_settings


def logged(*, as_json: bool) -> str:
    """What one error with an exception looks like."""
    settings: dict[str, Any] = logging_settings(as_json=as_json, level="INFO")
    handler = logging.StreamHandler(stream := io.StringIO())
    form = settings["formatters"]["line"]
    handler.setFormatter(form["()"](**{key: value for key, value in form.items() if key != "()"}))
    logger = logging.Logger("orders.paying")
    logger.addHandler(handler)
    try:
        password = "top-" + "secret-word"
        raise ValueError(len(password))
    except ValueError:
        logger.exception("payment failed for %s", "小满", extra={"order": "o1"})
    return stream.getvalue()


def test_production_writes_one_object_a_line() -> None:
    text = logged(as_json=True)
    assert text.count("\n") == 1
    entry = json.loads(text)
    assert {key: entry[key] for key in ("event", "level", "logger", "order")} == {
        "event": "payment failed for 小满",
        "level": "error",
        "logger": "orders.paying",
        "order": "o1",
    }
    assert "ValueError" in entry["exception"]


@pytest.mark.parametrize("as_json", [True, False])
def test_local_variables_stay_out(as_json: bool) -> None:
    text = logged(as_json=as_json)
    assert "ValueError" in text
    assert "top-secret-word" not in text
