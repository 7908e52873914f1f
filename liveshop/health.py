"""Is the process alive (`/healthz`), and can it serve (`/readyz`)? For load balancers, containers and `bin/run`."""

from functools import cache

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import Error
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from liveshop import homes, redisprobe


class Stopping:
    """Set once this process was told to go: load balancers send new people elsewhere."""

    is_set = False


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nothing else, so that a slow database does not get every process restarted."""
    return JsonResponse({"ok": True, "version": homes.version()})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """503 with the reason when this process should get no new people: `stopping`, `database` or `migrations`.

    Redis away is told but no reason: rooms go on without it (docs/operations.md).
    """
    reason = "stopping" if Stopping.is_set else unready()
    told = {"ok": not reason, "version": homes.version(), "redis": redis_state()}
    return JsonResponse(told | ({"reason": reason} if reason else {}), status=503 if reason else 200)


def unready() -> str:
    """Why this process cannot serve, in a word: the database must answer and have this code's tables. Empty when it can."""
    try:
        applied = MigrationRecorder(connection).applied_migrations()
    except Error:
        return "database"
    return "migrations" if _newest() - applied.keys() else ""


def redis_state() -> str:
    """`unused`, `ok` or `away`."""
    if not settings.REDIS_URL:
        return "unused"
    return "away" if redisprobe.is_away(settings.REDIS_URL) else "ok"


@cache
def _newest() -> set[tuple[str, str]]:
    """The last migrations of each app that this code brings; reading them from the disk takes a while."""
    return set(MigrationLoader(None).graph.leaf_nodes())
