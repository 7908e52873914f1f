"""How the site logs: lines a person reads, or one JSON object a line in production."""

import logging
import time
from typing import Any

import structlog
from psycopg import InterfaceError, OperationalError

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# These tell of every request, query or poll at INFO; their warnings are enough.
TALKATIVE = ("daphne", "procrastinate", "asyncio", "twisted", "httpx", "django.db.backends", "django.channels.server")


def logging_settings(*, as_json: bool, level: str) -> dict[str, Any]:
    """Django's LOGGING: standard library loggers and structlog's end in one handler with one format."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(as_json)],
                "foreign_pre_chain": SHARED,
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "filters": {"calm": {"()": DatabaseAway}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            "django.request": {"filters": ["calm"]},
            **{name: {"level": "WARNING"} for name in TALKATIVE},
        },
    }


class DatabaseAway(logging.Filter):
    """While the database is away every request fails for the same reason: one line a second says so, without its traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._told_at = -1.0
        self._untold = 0

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        while error is not None and not isinstance(error, OperationalError | InterfaceError):
            error = error.__cause__
        if error is None:
            return True
        if time.monotonic() - self._told_at < 1:
            self._untold += 1
            return False
        record.msg, record.args = "database away: %s (%d more requests failed)", (" ".join(str(error).split()), self._untold)
        record.exc_info = record.exc_text = None
        self._told_at, self._untold = time.monotonic(), 0
        return True


def configure_structlog() -> None:
    """Makes `structlog.get_logger()` go through the standard library's handlers."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _renderers(as_json: bool) -> list[Any]:
    """Tracebacks are plain text in both: values of local variables may be somebody's password."""
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback)]
