"""Verify a drop by hand, with nothing but Python: python verify_drop.py drop-….json [receipt]"""

import hashlib
import json
import sys
from typing import Any


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


with open(sys.argv[1], encoding="utf-8") as file:
    log = json.load(file)
terms, claims, outcomes = log["terms"], log["claims"], log["outcomes"]
head = log["terms_hash"]
assert sha(text(terms)) == head, "the terms are not what was promised"
assert sha(claims["end"]["nonce"]) == terms["nonce_hash"], "the nonce is not the promised one"
places = [row["place"] for row in claims["rows"]]
assert places == sorted(set(places)), "the places are not in order"
assert sum(row["unit"] == "first" for row in claims["rows"]) <= terms["total"], "more units than promised"
for part in [claims, outcomes] if outcomes else [claims]:
    for row in [*part["rows"], part["end"]]:
        head = sha(head + "\n" + text(row))
    assert head == part["head"], "a row was changed"
if len(sys.argv) > 2:
    who = sha(claims["end"]["nonce"] + ":" + sys.argv[2].upper().replace("-", ""))[:32]
    print([row for row in claims["rows"] if row["who"] == who] or "this receipt is not in the log")
print("promised", log["terms_hash"], "log", head, len(places), "winners: all holds")
