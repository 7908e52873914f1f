"""How the job queue is, for the live wall and for `/metrics`."""

from dataclasses import dataclass

from django.db import connection

# A dead worker leaves no old job behind: the ticks, of which one comes every two seconds, are deferred by the worker itself.
FIGURES = """
WITH due AS (SELECT id, scheduled_at FROM procrastinate_jobs WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()))
SELECT count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'), count(*) FILTER (WHERE status = 'failed'),
    coalesce(greatest(
        extract(epoch FROM now() - (SELECT min(scheduled_at) FROM due)),
        extract(epoch FROM now() - (SELECT min(at) FROM procrastinate_events WHERE type = 'deferred'
            AND job_id = (SELECT min(id) FROM due WHERE scheduled_at IS NULL))),
        extract(epoch FROM now()) - (SELECT max(defer_timestamp) FROM procrastinate_periodic_defers),
        0), 0)::float8
FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed')"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Jobs by state, and how many seconds the worker is behind: with the oldest job that is due, or with its own ticks."""

    todo: int
    doing: int
    failed: int
    lag_s: float


def figures() -> Figures:
    """As the database has it now."""
    with connection.cursor() as cursor:
        cursor.execute(FIGURES)
        return Figures(*cursor.fetchone())
