"""Database work from the event loop."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from channels.db import DatabaseSyncToAsync

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(work: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """`work` in a thread of the loop's pool. Its connection goes back to the pool afterwards, so that no idle thread keeps one."""
    return cast(Callable[P, Awaitable[T]], DatabaseSyncToAsync(work, thread_sensitive=False))
