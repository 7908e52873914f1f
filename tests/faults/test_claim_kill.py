"""kill -9 in the middle of a burst: every claim that was acknowledged is there, and nothing was given twice."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from django.db import connection

from campaigns import claims
from campaigns.models import Claim
from tests.scarce import make_deal, make_people, require_exact

BURST = """
import asyncio, os, sys, uuid
import django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from campaigns.engine import ClaimEngine
from liveshop.bus import Bus

async def tap(engine, log, user_id):
    key = uuid.uuid5(uuid.NAMESPACE_OID, str(user_id))
    outcome = await engine.claim(deal_id=int(sys.argv[2]), user_id=user_id, key=key)
    os.write(log, f"{user_id} {outcome.code} {outcome.claim}\\n".encode())  # what a reply would be

async def main():
    log = os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    engine = ClaimEngine(listens=Bus(), max_batch=5)
    await asyncio.gather(*[tap(engine, log, int(user_id)) for user_id in sys.argv[4].split(",")])

asyncio.run(main())
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lease_units", [5, 100_000], ids=["lent", "not lent"])
def test_every_acknowledged_claim_survives_a_kill(tmp_path: Path, lease_units: int) -> None:
    people, log = make_people(1500), tmp_path / "acknowledged"
    deal = make_deal(total=1000)
    ids = ",".join(str(user.pk) for user in people)
    name = str(connection.settings_dict["NAME"])
    environment = {**os.environ, "PYTHONPATH": ".", "CLAIM_LEASE_UNITS": str(lease_units)}
    process = subprocess.Popen([sys.executable, "-c", BURST, name, str(deal.pk), str(log), ids], env=environment)
    deadline = time.monotonic() + 60
    while (not log.exists() or log.read_bytes().count(b"\n") < 40) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL, "it must be killed in mid-burst"
    time.sleep(0.3)  # the batch in flight ends in PostgreSQL

    lines = [line.split() for line in log.read_text().splitlines() if line.count(" ") == 2]
    acknowledged = {claim for _user, code, claim in lines if code == "WON"}
    assert 0 < len(acknowledged) < 1000, "the kill came in the middle"
    stored = set(Claim.objects.filter(deal=deal).values_list("public_id", flat=True))
    assert acknowledged <= stored
    require_exact(deal)
    assert deal.leases.exists() == (lease_units == 5), "the dead process had units of its own"
    # Asking again with the same keys tells everybody the truth, and the rest of the units goes out, to the last one.
    again = [claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid5(uuid.NAMESPACE_OID, str(user.pk))) for user in people]
    assert all(outcome.is_won for outcome in again[:60])
    assert sum(outcome.is_won for outcome in again) == 1000
    require_exact(deal)
    assert deal.available == 0
