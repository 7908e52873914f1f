"""Jobs of the catalogue, run by the worker."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from catalog import imports, stock
from catalog.models import ImportJob


@app.task(name=imports.TASK, retry=RetryStrategy(max_attempts=3, wait=5))
def import_goods(job_id: str) -> None:
    """Run one CSV import to its end."""
    imports.run(ImportJob.objects.select_related("shop", "by").get(public_id=job_id))


@app.periodic(cron="* * * * *", periodic_id="catalog.count_sold")
@app.task(queueing_lock="catalog.count_sold", pass_context=False)
def count_sold(timestamp: int) -> int:
    """Every minute: what pages say was sold follows the paid orders."""
    return stock.count_sold()
