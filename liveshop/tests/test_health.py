"""What load balancers are told."""

from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from accounts.models import User
from liveshop import health


def test_healthz_needs_no_database(client: Client) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["ok"] is True


@pytest.mark.django_db
def test_readyz_is_ready_on_a_migrated_database(client: Client) -> None:
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_readyz_is_not_ready_before_the_migrations(client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="accounts").delete()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "migrations")


@pytest.mark.django_db
def test_redis_away_is_told_and_takes_no_process_out(client: Client, settings: Any, operator: User) -> None:
    assert client.get("/readyz").json()["redis"] == "unused"
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["redis"]) == (200, "away")
    client.force_login(operator)
    assert "Redis 没有响应" in client.get("/admin/").content.decode(), "the operator sees it on the live wall"


@pytest.mark.django_db
def test_a_leaving_process_gets_no_new_people(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.Stopping, "is_set", True)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "stopping")
    assert client.get("/healthz").status_code == 200
