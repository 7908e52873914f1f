"""`/metrics` for Prometheus. What is counted elsewhere (sockets, claims) is defined beside the code that counts it.

With several server processes (`PROMETHEUS_MULTIPROC_DIR`, set by `bin/run --processes`) any of them answers for all.
"""

import hmac
import ipaddress
import os
import threading
import time
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from liveshop import jobs, wiring

SAMPLE_S = 5.0
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")  # who comes through a proxy is not from this machine
log = structlog.get_logger(__name__)

REQUESTS = Counter("liveshop_requests_total", "Pages and API calls answered", ["method", "page", "status"])
REQUEST_S = Histogram("liveshop_request_seconds", "Time to answer", ["page"], buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15))
POOL = Gauge("liveshop_database_pool_connections", "Connections of this process's pool", ["state"], multiprocess_mode="liveall")
POOL_WAITING = Gauge("liveshop_database_pool_waiting", "Requests that wait for a connection", multiprocess_mode="liveall")
JOB_COUNT = Gauge("liveshop_jobs", "Jobs in the queue", ["status"], multiprocess_mode="mostrecent")
JOB_LAG = Gauge(
    "liveshop_job_lag_seconds",
    "How far the worker is behind: the oldest job that is due, or its own last tick",
    multiprocess_mode="mostrecent",
)
BUS_LAG = Histogram(
    "liveshop_bus_lag_seconds", "From a notice's writing to its hearing", buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
)

_followed: dict[int, float] = {}


def follow(counter: Counter, total: float) -> None:
    """Raise a counter to a total that a hot path keeps as a plain number."""
    before = _followed.get(id(counter), 0.0)
    counter.inc(total - before if total >= before else total)
    _followed[id(counter)] = total


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The text Prometheus reads; 403 for everybody but this machine and holders of METRICS_TOKEN."""
    if not _may_read(request):
        return HttpResponse("403: METRICS_TOKEN as a bearer token, or from this machine\n", status=403, content_type="text/plain")
    sample()
    _sample_jobs()
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def sample() -> None:
    """Bring this process's gauges up to date."""
    for path in wiring.GAUGES:
        wiring.load(path)()
    pool: Any = connection.pool  # type: ignore[attr-defined]
    stats = pool.get_stats() if pool else {}
    size, free = stats.get("pool_size", 0), stats.get("pool_available", 0)
    POOL.labels("used").set(size - free)
    POOL.labels("free").set(free)
    POOL_WAITING.set(stats.get("requests_waiting", 0))


def sample_forever() -> None:
    """Where another process may be asked, every process writes its gauges down each few seconds."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        threading.Thread(target=_sample_forever, name="metrics", daemon=True).start()


def _sample_forever() -> None:
    while True:
        time.sleep(SAMPLE_S)
        try:
            sample()
        except Exception:
            log.exception("metrics_sample_failed")


def _sample_jobs() -> None:
    try:
        found = jobs.figures()
    except Error as error:
        log.warning("metrics_without_jobs", error=str(error).strip())
        return
    for status, count in (("todo", found.todo), ("doing", found.doing), ("failed", found.failed)):
        JOB_COUNT.labels(status).set(count)
    JOB_LAG.set(found.lag_s)


def _registry() -> CollectorRegistry:
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is None:
        return REGISTRY
    for path in Path(folder).glob("gauge_live*.db"):  # an ended process has no sockets any more; what it counted stays
        if not _is_running(int(path.stem.rpartition("_")[2])):
            path.unlink(missing_ok=True)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _may_read(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme == "Bearer" and hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode()):
        return True
    return not any(name in request.headers for name in FORWARDED) and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
