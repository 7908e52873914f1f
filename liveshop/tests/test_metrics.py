"""Figures for Prometheus: true, and for nobody else."""

import uuid
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.django_db


def figures(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Each sample by its name and label values."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    samples = [sample for family in text_string_to_metric_families(answer.content.decode()) for sample in family.samples]
    return {(sample.name, tuple(sample.labels.values())): sample.value for sample in samples}


def test_counts_what_was_answered(client: Client) -> None:
    before = figures(client)
    for _ in range(3):
        client.get("/healthz")
    client.get(f"/no-such-page-{uuid.uuid4()}")
    after = figures(client)
    page = ("liveshop_requests_total", ("GET", "healthz", "200"))
    assert after[page] - before.get(page, 0) == 3
    assert after["liveshop_requests_total", ("GET", "none", "404")] >= 1
    assert not [key for key in after if "no-such-page" in str(key)], "an address somebody makes up is no label"
    assert after["liveshop_request_seconds_count", ("healthz",)] >= 3


def test_names_what_an_operator_watches(client: Client) -> None:
    names = {name for name, _labels in figures(client)}
    wanted = "sockets rooms deliveries_total dropped_total claim_queue claim_batch_seconds_count bus_lag_seconds_count jobs job_lag_seconds"
    assert {f"liveshop_{name}" for name in wanted.split()} | {"liveshop_database_pool_connections"} <= names


@pytest.mark.parametrize(
    ("address", "headers", "token", "status"),
    [
        ("127.0.0.1", {}, "", 200),
        ("::1", {}, "", 200),
        ("203.0.113.9", {}, "", 403),
        ("", {}, "", 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, "", 403),
        ("203.0.113.9", {"Authorization": "Bearer s3cret"}, "s3cret", 200),
        ("203.0.113.9", {"Authorization": "Bearer wrong"}, "s3cret", 403),
        ("203.0.113.9", {"Authorization": "Bearer "}, "", 403),
        ("203.0.113.9", {"Authorization": "Bearer é"}, "s3cret", 403),
    ],
)
def test_only_this_machine_and_the_token_may_read(
    client: Client, settings: Any, address: str, headers: dict[str, str], token: str, status: int
) -> None:
    settings.METRICS_TOKEN = token
    answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert answer.status_code == status
    assert (b"liveshop_sockets" in answer.content) == (status == 200)
