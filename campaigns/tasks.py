"""What campaigns do by the clock. Every task may run in several workers at once, and a missed run is caught up by the next."""

import logging
import subprocess
import sys

from django.conf import settings
from procrastinate.contrib.django import app

from campaigns import claimlogs, coupons, deals, drops, holds, leases, waitlist
from campaigns.models import Deal, Rehearsal, RehearsalState
from campaigns.rehearsal import bookings

log = logging.getLogger(__name__)


@app.periodic(cron="* * * * * */2", periodic_id="campaigns")
@app.task(queueing_lock="campaigns.tick", pass_context=False)
def tick(timestamp: int) -> None:
    """Every other second: open planned drops, end deals, take back unused leases and unpaid units, pass offers on, publish logs, clear stages."""
    returns = (leases.recall_expired, holds.expire_due, waitlist.pass_on_lapsed)
    for step in (drops.press_due, deals.end_due, *returns, claimlogs.write_due, bookings.clear_stale):
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


@app.task()
def start_rehearsal(rehearsal: str) -> None:
    """Start the crowd in a process of its own: it lasts minutes, and the worker has its clock to mind. It ends by itself."""
    if not Rehearsal.objects.filter(public_id=rehearsal, state=RehearsalState.BOOKED).exists():
        return  # given up while no worker ran
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "rehearse", rehearsal]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own command
