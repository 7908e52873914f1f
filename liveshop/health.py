"""Is the process alive (`/healthz`), and can it serve (`/readyz`)? For load balancers, containers and `bin/run`."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from liveshop import homes


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nothing else, so that a slow database does not get every process restarted."""
    return JsonResponse({"ok": True, "version": homes.version()})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers and has this code's tables; 503 with the reason otherwise."""
    try:
        executor = MigrationExecutor(connection)
        is_behind = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except Error:
        return JsonResponse({"ok": False, "reason": "database"}, status=503)
    if is_behind:
        return JsonResponse({"ok": False, "reason": "migrations"}, status=503)
    return JsonResponse({"ok": True, "version": homes.version()})
