"""What campaigns do by the clock. Every task may run in several workers at once, and a missed run is caught up by the next."""

import logging

from procrastinate.contrib.django import app

from campaigns import claimlogs, coupons, deals, drops, holds, leases, waitlist
from campaigns.models import Deal

log = logging.getLogger(__name__)


@app.periodic(cron="* * * * * */2", periodic_id="campaigns")
@app.task(queueing_lock="campaigns.tick", pass_context=False)
def tick(timestamp: int) -> None:
    """Every other second: open planned drops, end deals, take back unused leases, return unpaid units, pass lapsed offers on, publish logs."""
    for step in (drops.press_due, deals.end_due, leases.recall_expired, holds.expire_due, waitlist.pass_on_lapsed, claimlogs.write_due):
        try:
            step()
        except Exception:  # one broken deal must not keep everybody's units
            log.exception("%s stumbled", step.__name__)


@app.periodic(cron="17 * * * *", periodic_id="campaigns.tidy")
@app.task(queueing_lock="campaigns.tidy", pass_context=False)
def tidy(timestamp: int) -> None:
    """Every hour: mark coupons whose time has run out."""
    coupons.expire_due()


@app.task()
def write_log(deal: str) -> None:
    """Publish the log of one deal that the clock has left behind."""
    found = Deal.objects.filter(public_id=deal).first()
    if found is not None:
        claimlogs.write(found)
