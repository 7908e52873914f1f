"""A worker dies in the middle: its jobs are done again, its ticks are not, and done ones do not pile up."""

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from liveshop import jobs, tasks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_jobs() -> None:
    _run("DELETE FROM procrastinate_periodic_defers")
    _run("DELETE FROM procrastinate_jobs")


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _status_of(job_id: int) -> str:
    return ProcrastinateJob.objects.get(pk=job_id).status


def _defer(name: str, **how: str) -> int:
    return int(app.configure_task(name, **how).defer(timestamp=0))


def test_a_dead_workers_job_is_done_again_and_its_tick_is_not() -> None:
    job, tick, alive = _defer("some.refund"), _defer("some.tick", queueing_lock="some.tick"), _defer("some.import")
    _run("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '5 minutes'), (now())")
    _run("UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT min(id) FROM procrastinate_workers)")
    _run(f"UPDATE procrastinate_jobs SET worker_id = (SELECT max(id) FROM procrastinate_workers) WHERE id = {alive}")
    next_tick = _defer("some.tick", queueing_lock="some.tick")
    assert async_to_sync(tasks.revive)(app.job_manager) == 1
    assert [_status_of(one) for one in (job, tick, alive, next_tick)] == ["todo", "failed", "doing", "todo"]


def test_done_jobs_do_not_pile_up() -> None:
    done, failed, waiting = _defer("some.refund"), _defer("some.refund"), _defer("some.refund")
    _run(f"UPDATE procrastinate_jobs SET status = 'doing' WHERE id <> {waiting}")
    _run(f"UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = {done}")
    _run(f"UPDATE procrastinate_jobs SET status = 'failed' WHERE id = {failed}")
    _run("UPDATE procrastinate_events SET at = at - interval '2 days'")
    async_to_sync(tasks.tidy)(app.job_manager)
    assert set(ProcrastinateJob.objects.values_list("pk", flat=True)) == {failed, waiting}


def test_a_dead_worker_is_seen_though_nobody_defers_its_ticks() -> None:
    assert jobs.figures() == jobs.Figures(0, 0, 0, 0.0), "a worker that never ran"
    _run(
        "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp) SELECT 'tick', extract(epoch FROM now())::bigint - n FROM generate_series(90, 96) n"
    )
    assert 89 <= jobs.figures().lag_s < 95
    _run("INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp) SELECT 'tick', extract(epoch FROM now())::bigint")
    assert jobs.figures().lag_s < 5


def test_a_job_that_waits_for_a_worker_is_seen_though_it_has_no_date() -> None:
    job = _defer("some.refund")
    _run(f"UPDATE procrastinate_events SET at = now() - interval '70 seconds' WHERE job_id = {job}")
    _run("INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp) SELECT 'tick', extract(epoch FROM now())::bigint")
    found = jobs.figures()
    assert (found.todo, found.doing, found.failed) == (1, 0, 0)
    assert 69 <= found.lag_s < 75
