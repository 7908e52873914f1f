"""The shared cache, which the site must be able to do without: while Redis is away, everything is a miss."""

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

AWAY_S = 2.0  # after a failure Redis is left alone for so long, so that a page waits for one time-out and not for ten
log = structlog.get_logger(__name__)


class ForgivingRedisCache(RedisCache):
    """Only limits of requests and passing notes live here; what must hold is in the database."""

    _away_until = 0.0

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._or(default, super().get, key, default, version)

    def get_many(self, keys: Any, version: int | None = None) -> Any:
        return self._or({}, super().get_many, keys, version)

    def add(self, key: Any, value: Any, *arguments: Any, **named: Any) -> Any:
        return self._or(True, super().add, key, value, *arguments, **named)

    def set(self, key: Any, value: Any, *arguments: Any, **named: Any) -> Any:
        return self._or(None, super().set, key, value, *arguments, **named)

    def touch(self, key: Any, *arguments: Any, **named: Any) -> Any:
        return self._or(False, super().touch, key, *arguments, **named)

    def delete(self, key: Any, version: int | None = None) -> Any:
        return self._or(False, super().delete, key, version)

    def has_key(self, key: Any, version: int | None = None) -> Any:
        return self._or(False, super().has_key, key, version)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        return self._or(delta, super().incr, key, delta, version)

    def _or(self, otherwise: Any, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if time.monotonic() < ForgivingRedisCache._away_until:
            return otherwise
        try:
            return work(*arguments, **named)
        except RedisError as error:
            ForgivingRedisCache._away_until = time.monotonic() + AWAY_S
            log.warning("cache_away", error=repr(error))
            return otherwise
