"""The rules of a proof, without a database: any change of what was published shows."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import proofs

RECIPE = Path(__file__).resolve().parents[2] / "static" / "data" / "verify_drop.py"
NONCE = "ab" * 32


def make_log(winners: int = 5, total: int = 3, became: str = "") -> dict[str, Any]:
    """A log of `winners`, of which those beyond `total` had units that came back."""
    terms = {
        "title": "苹果“一元购” \\ 5斤",
        "total": total,
        "opens_at": "2026-11-23T12:00:00.000000Z",
        "closes_at": "2026-11-23T12:05:00.000000Z",
        "nonce_hash": proofs.sha256(NONCE),
    }
    rows = [
        {
            "n": n,
            "place": n * 3,
            "at": f"2026-11-23T12:00:{n % 60:02d}.{n:06d}Z",
            "who": proofs.pseudonym(NONCE, f"R{n}"),
            "unit": "first" if n <= total else "again",
        }
        for n in range(1, winners + 1)
    ]
    end = {"nonce": NONCE, "rows": winners, "taps": 99, "ended_at": terms["closes_at"], "sold_out_at": None}
    promised = proofs.sha256(proofs.canonical(terms))
    claims = {"rows": rows, "end": end, "head": proofs.chain(promised, [*rows, end])}
    whats = ["expired"] * max(0, winners - total) + ["paid"] * min(winners, total)
    closing = [{"n": row["n"], "place": row["place"], "what": what} for row, what in zip(rows, whats, strict=True)]
    counts = {"paid": whats.count("paid"), "expired": whats.count("expired"), "returned": 0, "settled_at": terms["closes_at"]}
    outcomes = {"rows": closing, "end": counts, "head": proofs.chain(claims["head"], [*closing, counts])}
    log = {"terms": terms, "terms_hash": promised, "committed_at": "2026-11-23T11:59:57.000000Z", "claims": claims, "outcomes": outcomes}
    return copy.deepcopy(log)


@pytest.mark.parametrize(("winners", "total"), [(0, 3), (1, 1), (3, 3), (5, 3), (59, 20)])
def test_an_honest_log_holds(winners: int, total: int) -> None:
    assert proofs.failures(make_log(winners, total)) == []


def test_a_part_that_is_not_published_yet_is_not_judged() -> None:
    assert proofs.failures(make_log() | {"outcomes": None}) == []
    assert proofs.failures(make_log() | {"claims": None, "outcomes": None}) == []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_change_of_any_row_shows(data: st.DataObject) -> None:
    log = make_log(winners=data.draw(st.integers(1, 8)), total=4)
    part = log[data.draw(st.sampled_from(["claims", "outcomes"]))]
    row = data.draw(st.sampled_from([*part["rows"], part["end"]]))
    name = data.draw(st.sampled_from(sorted(row)))
    old = row[name]
    row[name] = data.draw((st.integers() if isinstance(old, int) else st.text(max_size=40)).filter(lambda new: new != old))
    assert proofs.failures(log)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_row_left_out_doubled_or_moved_shows(data: st.DataObject) -> None:
    log = make_log(winners=6, total=4)
    rows = log[data.draw(st.sampled_from(["claims", "outcomes"]))]["rows"]
    at = data.draw(st.integers(0, 5))
    act = data.draw(st.sampled_from(["leave out", "double", "move"]))
    if act == "leave out":
        del rows[at]
    elif act == "double":
        rows.insert(at, rows[at])
    else:
        rows.insert((at + 2) % 5, rows.pop(at))
    assert proofs.failures(log)


@pytest.mark.parametrize("name", ["title", "total", "opens_at", "closes_at", "nonce_hash"])
def test_a_changed_term_shows(name: str) -> None:
    log = make_log()
    log["terms"][name] = 4 if name == "total" else "x"
    assert "terms" in proofs.failures(log)


def rebuilt(log: dict[str, Any]) -> dict[str, Any]:
    """The chains computed anew, as a shop would that forges its own log before anybody keeps it."""
    claims, outcomes = log["claims"], log["outcomes"]
    claims["head"] = proofs.chain(log["terms_hash"], [*claims["rows"], claims["end"]])
    outcomes["head"] = proofs.chain(claims["head"], [*outcomes["rows"], outcomes["end"]])
    return log


def forge(log: dict[str, Any], what: str) -> None:
    rows, end = log["claims"]["rows"], log["claims"]["end"]
    if what == "promised too late":
        log["committed_at"] = "2026-11-23T12:00:00.000001Z"
    elif what == "another nonce":
        end["nonce"] = "cd" * 32
    elif what == "two at one place":
        rows[1]["place"] = rows[0]["place"]
    elif what == "won before it opened":
        rows[0]["at"] = "2026-11-23T11:59:59.999999Z"
    elif what == "won after it closed":
        rows[-1]["at"] = "2026-11-23T12:05:00.000001Z"
    elif what == "one more unit than promised":
        rows[3]["unit"] = "first"
    elif what == "the same person twice":
        rows[1]["who"] = rows[0]["who"]
    elif what == "more paid than promised":
        log["outcomes"]["rows"][0]["what"] = "paid"
        log["outcomes"]["end"] |= {"paid": 4, "expired": 1}


@pytest.mark.parametrize(
    ("what", "check"),
    [
        ("promised too late", "before"),
        ("another nonce", "nonce"),
        ("two at one place", "order"),
        ("won before it opened", "order"),
        ("won after it closed", "order"),
        ("the same person twice", "order"),
        ("one more unit than promised", "units"),
        ("more paid than promised", "outcomes"),
    ],
)
def test_a_forged_log_breaks_its_own_rule_even_with_fresh_hashes(what: str, check: str) -> None:
    log = make_log()
    forge(log, what)
    assert check in proofs.failures(rebuilt(log))


def test_a_receipt_is_read_however_it_is_typed() -> None:
    assert (
        proofs.pseudonym(NONCE, "k7qf 2m9d-xpta") == proofs.pseudonym(NONCE, "K7QF-2M9D-XPTA") != proofs.pseudonym(NONCE, "K7QF-2M9D-XPTB")
    )


def run_recipe(tmp_path: Path, log: dict[str, Any], *arguments: str) -> "subprocess.CompletedProcess[str]":
    path = tmp_path / "drop.json"
    path.write_text(json.dumps(log), encoding="utf-8")
    return subprocess.run([sys.executable, str(RECIPE), str(path), *arguments], capture_output=True, text=True, check=False)


def test_the_recipe_agrees_with_us(tmp_path: Path) -> None:
    told = run_recipe(tmp_path, make_log(), "r2")
    assert told.returncode == 0, told.stderr
    assert "all holds" in told.stdout
    assert "'n': 2" in told.stdout


@pytest.mark.parametrize("part", ["claims", "outcomes"])
def test_the_recipe_sees_a_changed_row(tmp_path: Path, part: str) -> None:
    log = make_log()
    log[part]["rows"][2]["place"] += 1
    assert "a row was changed" in run_recipe(tmp_path, log).stderr
