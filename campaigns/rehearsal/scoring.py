"""What a rehearsal is worth: measured figures in, points and advice out. Pure; the words are in `campaigns.rehearsal.words`.

40 points for the site (answers, frames, pin, units), 60 for the anchor (announcing, countdown, pin, price, talk).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

ANSWER_GOOD_S, ANSWER_BAD_S = 1.5, 4.0
SEEN_GOOD_S, SEEN_BAD_S = 1.0, 3.0
COUNTDOWN_S = (10, 60)
ANNOUNCED_S = 20
PINNED_S = 10
SILENCE_S = 30
LEAST_LINES = 4


@dataclass(frozen=True, slots=True)
class Heard:
    """What the crowd measured."""

    crowd: int = 0
    joined: int = 0
    frames: int = 0
    gaps: int = 0
    answers_s: Sequence[float] = ()
    unanswered: int = 0
    pin_seen_s: Sequence[float] = ()
    drop_seen_s: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Conduct:
    """What the anchor did, in seconds from the opening backwards where it says before; None: not at all."""

    total: int = 0
    won: int = 0
    is_opened: bool = False
    countdown_s: float | None = None
    announced_before_s: float | None = None
    pinned_before_s: float | None = None
    sold_out_s: float | None = None
    says_price: bool = False
    says_units: bool = False
    own_lines: int = 0
    longest_silence_s: float = 0.0
    questions: int = 0
    answered: int = 0
    spoke_after: bool = False


@dataclass(slots=True)
class Score:
    """`items`: (name, points, most); `advice`: names of sentences, the dearest first."""

    points: int = 0
    items: list[tuple[str, int, int]] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def score(heard: Heard, conduct: Conduct) -> Score:
    """All items with their points; advice for what lost most, at most five."""
    weighed = [*_of_the_site(heard, conduct), *_of_the_anchor(conduct)]
    items = [(name, round(part * most), most) for name, part, most in weighed]
    lost = sorted((item for item in items if item[1] < item[2]), key=lambda item: item[1] - item[2])
    advice = ["not_opened"] if not conduct.is_opened else [_reason(name, heard, conduct) for name, _points, _most in lost][:5]
    return Score(sum(points for _name, points, _most in items), items, advice, figures(heard, conduct))


def _reason(name: str, heard: Heard, conduct: Conduct) -> str:
    """The sentence for an item that lost points: two items are lost in two ways."""
    if name == "answers" and heard.unanswered:
        return "answers_lost"
    if name == "talk" and conduct.longest_silence_s <= SILENCE_S:
        return "talk_more"
    return name


def figures(heard: Heard, conduct: Conduct) -> dict[str, Any]:
    """What the card shows, in milliseconds and whole seconds."""
    return {
        "crowd": heard.crowd,
        "joined": heard.joined,
        "taps": len(heard.answers_s) + heard.unanswered,
        "unanswered": heard.unanswered,
        "answer_p50_ms": _ms(heard.answers_s, 50),
        "answer_p99_ms": _ms(heard.answers_s, 99),
        "frames": heard.frames,
        "gaps": heard.gaps,
        "pin_p50_ms": _ms(heard.pin_seen_s, 50),
        "pin_p99_ms": _ms(heard.pin_seen_s, 99),
        "drop_p99_ms": _ms(heard.drop_seen_s, 99),
        "total": conduct.total,
        "won": conduct.won,
        "sold_out_s": _rounded(conduct.sold_out_s),
        "countdown_s": _rounded(conduct.countdown_s),
        "announced_before_s": _rounded(conduct.announced_before_s),
        "pinned_before_s": _rounded(conduct.pinned_before_s),
        "own_lines": conduct.own_lines,
        "longest_silence_s": round(conduct.longest_silence_s),
        "questions": conduct.questions,
        "answered": conduct.answered,
    }


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The smallest value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None


def _of_the_site(heard: Heard, conduct: Conduct) -> list[tuple[str, float, int]]:
    answered = percentile(heard.answers_s, 99)
    answers = 0.0 if heard.unanswered else _falling(answered, ANSWER_GOOD_S, ANSWER_BAD_S)
    return [
        ("answers", answers, 12),
        ("frames", float(heard.frames > 0 and heard.gaps == 0), 10),
        ("pin_seen", _falling(percentile(heard.pin_seen_s, 99), SEEN_GOOD_S, SEEN_BAD_S), 10),
        ("units", float(conduct.is_opened and conduct.won == min(conduct.total, len(heard.answers_s))), 8),
    ]


def _of_the_anchor(conduct: Conduct) -> list[tuple[str, float, int]]:
    least, most = COUNTDOWN_S
    count = conduct.countdown_s
    countdown = 0.0 if count is None else min(1.0, count / least) if count < most else 0.5
    answered = conduct.answered / conduct.questions if conduct.questions else 1.0
    weighed = [
        ("countdown", countdown, 12),
        ("announced", _rising(conduct.announced_before_s, ANNOUNCED_S), 12),
        ("pinned", _rising(conduct.pinned_before_s, PINNED_S), 10),
        ("price", float(conduct.says_price), 8),
        ("units_said", float(conduct.says_units), 4),
        ("talk", _talk(conduct), 6),
        ("questions", answered if conduct.own_lines else 0.0, 4),
        ("after", float(conduct.spoke_after), 4),
    ]
    # A drop that never opened has shown nothing of how one opens it.
    return weighed if conduct.is_opened else [(name, 0.0, most_points) for name, _part, most_points in weighed]


def _talk(conduct: Conduct) -> float:
    lines = min(1.0, conduct.own_lines / LEAST_LINES)
    return lines if conduct.longest_silence_s <= SILENCE_S else lines / 2


def _falling(value: float | None, good: float, bad: float) -> float:
    if value is None:
        return 0.0
    return min(1.0, max(0.0, (bad - value) / (bad - good)))


def _rising(value: float | None, enough: float) -> float:
    return 0.0 if value is None else min(1.0, max(0.0, value / enough))


def _ms(values: Sequence[float], percent: int) -> int | None:
    found = percentile(values, percent)
    return None if found is None else round(found * 1000)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
