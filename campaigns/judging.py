"""What the claim engine asks of the database: the judging functions, a look at what is gone, the counts of the stock bars."""

import contextlib
import sys
from array import array
from collections.abc import Sequence
from typing import Any

import psycopg
from django.conf import settings

from campaigns.memory import Kind, Target
from campaigns.outcomes import Tap
from liveshop import bus
from liveshop.ids import public_ids

ALONE = ""  # no lease: all leases of the deal come back first

# What every winner hears needs no facts: reading JSON is most of what an answer costs.
_JUDGED = """SELECT code, claim, place, expires, CASE WHEN code <> 'WON' OR facts @> '{{"is_last": true}}' THEN facts END
    FROM campaigns_{}_batch(%s, %s::bigint[], %s::uuid[], %s::bytea[], %s::bytea[], %s::text[], %s{})"""
JUDGE = {Kind.DEAL: _JUDGED.format("claim", ", %s, %s"), Kind.COUPON: _JUDGED.format("coupon", "")}
# One look, one statement, one row: why the answer is no, and who has one already (8 bytes each), as of the same moment.
LOOK = {
    Kind.DEAL: """
        SELECT d.available = 0, d.attempts, d.total, extract(epoch FROM coalesce(d.sold_out_at, clock_timestamp()))::float8,
          extract(epoch FROM coalesce(d.starts_at, 'infinity'))::float8,
          (SELECT string_agg(int8send(c.user_id), '') FROM campaigns_claim c WHERE c.deal_id = d.id AND c.state IN (1, 2, 3))
        FROM campaigns_deal d WHERE d.id = %s""",
    Kind.COUPON: """
        SELECT p.issued = p.total, p.issued::bigint, p.total, extract(epoch FROM clock_timestamp())::float8,
          extract(epoch FROM coalesce(p.starts_at, '-infinity'))::float8,
          (SELECT string_agg(int8send(g.user_id), '') FROM campaigns_coupongrant g WHERE g.coupon_id = p.id)
        FROM campaigns_coupon p WHERE p.id = %s""",
}
COUNTS = {
    Kind.DEAL: """
        SELECT d.room_id, d.public_id, d.available + l.free, d.held - l.free, d.sold, d.total
        FROM campaigns_deal d, LATERAL (SELECT coalesce(sum(granted - taken), 0)::int AS free FROM campaigns_lease WHERE deal_id = d.id) l
        WHERE d.id = %s""",
    Kind.COUPON: "SELECT room_id, public_id, issued, total FROM campaigns_coupon WHERE id = %s",
}
COUNT_UNSEEN = "UPDATE campaigns_deal SET attempts = attempts + %s WHERE id = %s"
_LINE: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "connect_timeout": 5, "application_name": "liveshop claims"}


class Line:
    """A connection of our own to the database, opened when needed: autocommit, prepared, binary."""

    def __init__(self, holder: str = ALONE) -> None:
        self.holder = holder  # in whose name units are lent
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def rows(self, statement: str, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run one statement, which commits, and fetch its rows."""
        cursor = await (await self._open()).execute(statement, arguments, binary=True)
        return await cursor.fetchall()

    async def execute(self, statement: str, arguments: Sequence[Any]) -> None:
        await (await self._open()).execute(statement, arguments)

    async def close(self) -> None:
        """Hang up; the next statement connects again."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                await self._connection.close()
            self._connection = None

    async def _open(self) -> "psycopg.AsyncConnection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(bus.dsn(), **_LINE)
        return self._connection


def people(packed: bytes | None) -> frozenset[int]:
    """The users that `LOOK` found."""
    found = array("q", packed or b"")
    if sys.byteorder == "little":
        found.byteswap()
    return frozenset(found)


def arguments(target: Target, taps: Sequence[Tap], unseen: int, holder: str) -> tuple[Any, ...]:
    """For `JUDGE`. `holder` may be lent units of a large deal; `ALONE` judges from the deal's own row."""
    lease = (holder, settings.CLAIM_LEASE_UNITS) if target.kind is Kind.DEAL else ()
    return (
        target.pk,
        [tap.user_id for tap in taps],
        [tap.key for tap in taps],
        [tap.phone for tap in taps],
        [tap.device for tap in taps],
        public_ids(len(taps)),
        unseen,
        *lease,
    )
