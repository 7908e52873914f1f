"""The score of a rehearsal by table: good figures give points, poor ones advice."""

from dataclasses import replace

import pytest

from campaigns.rehearsal import scoring, words
from campaigns.rehearsal.scoring import Conduct, Heard

HEARD = Heard(crowd=50, joined=50, frames=5000, answers_s=[0.05] * 50, pin_seen_s=[0.2] * 50, drop_seen_s=[0.2] * 50)
CONDUCT = Conduct(
    total=20,
    won=20,
    is_opened=True,
    countdown_s=15,
    announced_before_s=40,
    pinned_before_s=30,
    sold_out_s=1.2,
    says_price=True,
    says_units=True,
    own_lines=6,
    longest_silence_s=12,
    questions=5,
    answered=5,
    spoke_after=True,
)


def points(heard: Heard, conduct: Conduct) -> dict[str, int]:
    return {name: got for name, got, _most in scoring.score(heard, conduct).items}


def test_a_perfect_rehearsal_has_a_hundred_points_and_no_advice() -> None:
    perfect = scoring.score(HEARD, CONDUCT)
    assert (perfect.points, perfect.advice) == (100, [])
    assert sum(most for _name, _got, most in perfect.items) == 100


@pytest.mark.parametrize(
    ("changed", "item", "got"),
    [
        ({"answers_s": [0.05] * 98 + [9.0, 9.0]}, "answers", 0),
        ({"answers_s": [2.75] * 50}, "answers", 6),
        ({"answers_s": [0.05] * 49, "unanswered": 1}, "answers", 0),
        ({"gaps": 1}, "frames", 0),
        ({"frames": 0}, "frames", 0),
        ({"pin_seen_s": []}, "pin_seen", 0),
        ({"pin_seen_s": [2.0]}, "pin_seen", 5),
        ({"answers_s": [0.05] * 19}, "units", 0),  # twenty won by nineteen tappers: something is wrong
    ],
)
def test_what_the_site_did_counts(changed: dict, item: str, got: int) -> None:
    assert points(replace(HEARD, **changed), CONDUCT)[item] == got


@pytest.mark.parametrize(
    ("changed", "item", "got"),
    [
        ({"won": 19}, "units", 0),
        ({"countdown_s": 3}, "countdown", 4),
        ({"countdown_s": 10}, "countdown", 12),
        ({"countdown_s": 90}, "countdown", 6),
        ({"countdown_s": None}, "countdown", 0),
        ({"announced_before_s": 10}, "announced", 6),
        ({"announced_before_s": None}, "announced", 0),
        ({"pinned_before_s": 5}, "pinned", 5),
        ({"says_price": False}, "price", 0),
        ({"says_units": False}, "units_said", 0),
        ({"own_lines": 2}, "talk", 3),
        ({"longest_silence_s": 31}, "talk", 3),
        ({"answered": 0}, "questions", 0),
        ({"questions": 0, "answered": 0}, "questions", 4),
        ({"spoke_after": False}, "after", 0),
    ],
)
def test_what_the_anchor_did_counts(changed: dict, item: str, got: int) -> None:
    made = scoring.score(HEARD, replace(CONDUCT, **changed))
    assert {name: points for name, points, _most in made.items}[item] == got
    assert bool([name for name in made.advice if name.startswith(item)]) == (got < {name: most for name, _got, most in made.items}[item])


def test_lost_answers_and_too_few_lines_have_sentences_of_their_own() -> None:
    made = scoring.score(replace(HEARD, unanswered=2), replace(CONDUCT, own_lines=1))
    assert made.advice == ["answers_lost", "talk_more"]
    assert words.advice(made.as_json())[0].startswith("有 2 次点击")


def test_a_smaller_crowd_than_units_is_no_fault() -> None:
    assert points(replace(HEARD, answers_s=[0.05] * 12), replace(CONDUCT, won=12))["units"] == 8


def test_a_drop_that_never_opened_is_told_first_and_alone() -> None:
    made = scoring.score(HEARD, Conduct(total=20, own_lines=9))
    assert made.advice == ["not_opened"]
    assert made.points <= 32


def test_every_item_has_its_words_and_every_advice_fits_its_figures() -> None:
    empty = scoring.score(Heard(), Conduct(is_opened=True)).as_json()
    assert len(words.lines(empty)) == 12
    every = empty | {"advice": [*(name for name, _got, _most in empty["items"]), "answers_lost", "talk_more"]}
    assert all(words.advice(every))
    assert words.advice(empty | {"advice": ["not_opened"]})


@pytest.mark.parametrize(
    ("values", "percent", "found"), [([], 99, None), ([3, 1, 2], 50, 2), ([3, 1, 2], 99, 3), (list(range(1, 101)), 99, 99)]
)
def test_percentiles(values: list, percent: int, found: float | None) -> None:
    assert scoring.percentile(values, percent) == found
