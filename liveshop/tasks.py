"""Upkeep of the job queue: what a killed worker left half done is done again, and what is done does not pile up.

Every task of this site may run twice, so a job whose worker only seemed dead does no harm.
"""

from procrastinate.contrib.django import app
from procrastinate.job_context import JobContext
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

KEEP_DONE_H = 24
KEEP_FAILED_H = 24 * 30


@app.periodic(cron="* * * * *", periodic_id="liveshop.revive_jobs")
@app.task(queueing_lock="liveshop.revive_jobs", pass_context=True)
async def revive_jobs(context: JobContext, timestamp: int) -> None:
    """Every minute: jobs whose worker sends no heartbeat any more."""
    await revive(context.app.job_manager)


@app.periodic(cron="7 * * * *", periodic_id="liveshop.tidy_jobs")
@app.task(queueing_lock="liveshop.tidy_jobs", pass_context=True)
async def tidy_jobs(context: JobContext, timestamp: int) -> None:
    """Every hour: ticks alone write some fifty thousand rows a day."""
    await tidy(context.app.job_manager)


async def revive(jobs: JobManager) -> int:
    """Put jobs of dead workers back into the queue; returns how many. A tick is given up instead: the next one does its work."""
    revived = 0
    for job in await jobs.get_stalled_jobs():
        if job.queueing_lock:
            await jobs.finish_job(job, Status.FAILED, delete_job=False)
        else:
            await jobs.retry_job(job)
            revived += 1
    return revived


async def tidy(jobs: JobManager) -> None:
    """Delete jobs that were done a day ago, and failed ones after a month."""
    await jobs.delete_old_jobs(nb_hours=KEEP_DONE_H)
    await jobs.delete_old_jobs(nb_hours=KEEP_FAILED_H, include_failed=True, include_cancelled=True, include_aborted=True)
