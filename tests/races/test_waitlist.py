"""Joining the waitlist while the last unit is won: whoever comes first, a unit goes to a tap and never to the one who only asked to wait."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection

from campaigns import claims, waitlist
from campaigns.models import Waiting
from liveshop.refusals import Code, Refused
from tests.scarce import make_deal, make_people, require_exact

pytestmark = pytest.mark.django_db(transaction=True)
LAGS_MS = [-90, -20, -10, -5, -2, 0, 2, 5, 10, 20, 90]  # how much later the taps come than those who join


def join(deal, user, after_ms):
    time.sleep(max(0, after_ms) / 1000)
    try:
        return waitlist.join(deal=deal, user=user).number
    except Refused as refusal:
        return refusal.code


def tap(deal, user, after_ms):
    time.sleep(max(0, after_ms) / 1000)
    return claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4()).code


def at_once(work):
    gate = threading.Barrier(len(work))

    def run(one):
        gate.wait(10)
        try:
            return one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def test_joining_against_the_last_tap():
    seen = set()
    for lag in LAGS_MS:
        deal, people = make_deal(total=1), make_people(5)
        joins = [partial(join, deal, user, -lag) for user in people[:3]]
        answers = at_once(joins + [partial(tap, deal, user, lag) for user in people[3:]])
        assert sorted(answers[3:]) == [Code.SOLD_OUT, "WON"]
        assert not Waiting.objects.filter(deal=deal, offered_at__isnull=False).exists()
        in_line = [answer for answer in answers[:3] if answer != Code.STILL_AVAILABLE]
        assert Waiting.objects.filter(deal=deal).count() == len(in_line)
        assert 0 not in in_line
        require_exact(deal)
        seen.update(answers[:3])
    assert seen == {Code.STILL_AVAILABLE, 1, 2, 3}
