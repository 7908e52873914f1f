"""How a drop is proved: canonical JSON, hashes that chain, and the one list of what a published log must satisfy.

Pure. The page's script (static/js/proof/) and the recipe (static/data/verify_drop.py) do the same in other words.
docs/verify.md says what this shows and what it cannot.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

TERMS_FORMAT = "liveshop-drop-terms/1"
LOG_FORMAT = "liveshop-drop-log/1"
FIRST, AGAIN = "first", "again"
OUTCOMES = ("paid", "expired", "returned")
# Every check by name, in the order people read them.
CHECKS = ("terms", "before", "nonce", "order", "units", "chain", "outcomes")


def canonical(value: Any) -> str:
    """The one text of a JSON value: keys sorted, no spaces, characters as they are. Only strings, integers, lists, objects, null."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read(text: str) -> dict[str, Any]:
    """The object that such a text says."""
    found: dict[str, Any] = json.loads(text)
    return found


def sha256(text: str) -> str:
    """64 hex digits of the text's UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def instant(moment: datetime) -> str:
    """A moment as the log writes it: UTC with microseconds, so that later is also greater as a text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def chain(start: str, rows: Iterable[Any]) -> str:
    """Each hash takes in the one before it, so that the last one stands for every row and their order."""
    head = start
    for row in rows:
        head = sha256(f"{head}\n{canonical(row)}")
    return head


def pseudonym(nonce: str, receipt: str) -> str:
    """The name a claimer has in the log: nobody finds it without her receipt."""
    return sha256(f"{nonce}:{plain(receipt)}")[:32]


def plain(receipt: str) -> str:
    """A receipt as people type it, without dashes, spaces and case."""
    return "".join(character for character in receipt.upper() if character.isascii() and character.isalnum())


def failures(log: dict[str, Any]) -> list[str]:
    """The names of the checks that this log does not pass; a part not published yet is not judged."""
    terms, claims, outcomes = log["terms"], log.get("claims"), log.get("outcomes")
    held = {
        "terms": sha256(canonical(terms)) == log["terms_hash"],
        "before": log["committed_at"] < terms["opens_at"],
    }
    if claims is not None:
        held |= _claims_hold(terms, claims, log["terms_hash"])
    if claims is not None and outcomes is not None:
        held["outcomes"] = _outcomes_hold(terms, claims, outcomes)
    return [name for name in CHECKS if not held.get(name, True)]


def _claims_hold(terms: dict[str, Any], claims: dict[str, Any], terms_hash: str) -> dict[str, bool]:
    rows, end = claims["rows"], claims["end"]
    moments = [terms["opens_at"], *(row["at"] for row in rows), terms["closes_at"]]
    return {
        "nonce": sha256(end["nonce"]) == terms["nonce_hash"],
        "order": end["rows"] == len(rows)
        and all(row["n"] == n for n, row in enumerate(rows, start=1))
        and all(earlier <= later for earlier, later in pairwise(moments))
        and len({row["who"] for row in rows}) == len({row["place"] for row in rows}) == len(rows),
        "units": all(row["unit"] == (FIRST if row["n"] <= terms["total"] else AGAIN) for row in rows),
        "chain": chain(terms_hash, [*rows, end]) == claims["head"],
    }


def _outcomes_hold(terms: dict[str, Any], claims: dict[str, Any], outcomes: dict[str, Any]) -> bool:
    rows, end = outcomes["rows"], outcomes["end"]
    counted = {what: sum(row["what"] == what for row in rows) for what in OUTCOMES}
    return (
        [(row["n"], row["place"]) for row in rows] == [(row["n"], row["place"]) for row in claims["rows"]]
        and all(end[what] == counted[what] for what in OUTCOMES)
        and sum(counted.values()) == len(rows)
        and counted["paid"] <= terms["total"]
        and chain(claims["head"], [*rows, end]) == outcomes["head"]
    )
