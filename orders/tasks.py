"""Jobs: expiry every few seconds, refunds and the simulator's notices until they are through."""

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

# Seconds between tries, after WeChat Pay's and Alipay's published schedules, with quick ones first.
NOTICE_WAITS_S = (2, 5, 15, 15, 30, 180, 600, 1200, 1800, 3600, 7200, 21600, 54000)


class Waits(BaseRetryStrategy):
    """Tries again after each of these waits, then gives up."""

    def __init__(self, waits_s: tuple[int, ...]) -> None:
        self.waits_s = waits_s

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if job.attempts >= len(self.waits_s):
            return None
        return RetryDecision(retry_in={"seconds": self.waits_s[job.attempts]})


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="orders.expire_due", pass_context=False)
def expire_due(timestamp: int) -> None:
    """Close unpaid orders whose time has run out. Only tidies: every reader judges expiry by time."""
    from orders import closing

    closing.expire_due()


@app.task(retry=Waits(NOTICE_WAITS_S))
def send_refund(refund_id: int) -> None:
    """Hand a refund to its provider until it is done."""
    from orders import refunds

    refunds.send(refund_id)


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="orders.chase_refunds", pass_context=False)
def chase_refunds(timestamp: int) -> None:
    """Every hour: the refunds that could not be handed over for a day."""
    from orders import refunds

    refunds.chase()


@app.task(retry=Waits(NOTICE_WAITS_S))
def deliver_notice(notice_id: int) -> None:
    """The simulator sends one of its notifications to the shop."""
    from orders.payments import simulator

    simulator.deliver(notice_id)


@app.task
def show_stock(room_id: int) -> None:
    """Draw the pin and shelf of a room again, when more was sold than could be shown at once."""
    from orders import announcing

    announcing.show_stock(room_id)
