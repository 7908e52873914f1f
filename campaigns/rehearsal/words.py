"""The score in words: what each item is called, what was measured, and what to do better."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the card: its points of the most there are, and the measured figure."""

    title: str
    points: int
    most: int
    figure: str

    @property
    def percent(self) -> int:
        return round(100 * self.points / self.most)


def lines(score: dict[str, Any]) -> list[Line]:
    """The card, the site's items first."""
    figures = score["figures"]
    titles = _titles()
    measured = _measured(figures)
    return [Line(titles[name], points, most, measured.get(name, "")) for name, points, most in score["items"]]


def advice(score: dict[str, Any]) -> list[str]:
    """Sentences, the dearest first."""
    sentences = _sentences()
    return [sentences[name] % score["figures"] for name in score["advice"]]


def why_not(why: str) -> str:
    """Why there is no score."""
    return {
        "asked": _("You broke it off."),
        "on_air": _("Your real show went on air, so the rehearsal made way."),
        "no_worker": _("The job worker of this site did not start it: ask your operator whether it runs."),
    }.get(why, _("Its process ended early. Nothing of it is left; try again."))


def _titles() -> dict[str, str]:
    return {
        "answers": _("Taps answered quickly"),
        "frames": _("No gap in what viewers saw"),
        "pin_seen": _("Your pin reached every screen"),
        "units": _("Exactly the planned units were won"),
        "countdown": _("Countdown given"),
        "announced": _("Announced before opening"),
        "pinned": _("Product shown before opening"),
        "price": _("Price written out"),
        "units_said": _("Number of units written out"),
        "talk": _("Kept talking"),
        "questions": _("Questions answered"),
        "after": _("A word after it was gone"),
    }


def _measured(figures: dict[str, Any]) -> dict[str, str]:
    return {
        "answers": _ms_pair(figures["answer_p50_ms"], figures["answer_p99_ms"]),
        "frames": _("%(frames)s frames, %(gaps)s gaps") % figures,
        "pin_seen": _ms_pair(figures["pin_p50_ms"], figures["pin_p99_ms"]),
        "units": _("%(won)s of %(total)s") % figures,
        "countdown": _seconds(figures["countdown_s"]),
        "announced": _before(figures["announced_before_s"]),
        "pinned": _before(figures["pinned_before_s"]),
        "talk": _("Lines: %(own_lines)s, longest silence %(longest_silence_s)s s") % figures,
        "questions": _("%(answered)s of %(questions)s") % figures,
    }


def _sentences() -> dict[str, str]:
    """Every item has one; `%(name)s` are the score's figures."""
    return {
        "not_opened": _("The drop was never opened. Press it in the rehearsal's studio, and the crowd will tap."),
        "answers": _(
            "Taps waited up to %(answer_p99_ms)s ms: this machine is busy. Rehearse with nothing else running, or plan a smaller crowd."
        ),
        "answers_lost": _("%(unanswered)s taps got no answer at all: ask your operator to look at the server before the real show."),
        "talk_more": _("Lines you wrote: %(own_lines)s. Write four or more: who watches without sound reads you."),
        "frames": _("Some viewers missed a change (%(gaps)s gaps): ask your operator to look at the server before the real show."),
        "pin_seen": _("Pin the product you speak of, early: it is what viewers look at when they come in."),
        "units": _("%(won)s of %(total)s units went away. Was the crowd smaller than the drop, or did it close too early?"),
        "countdown": _("Open with a countdown of 10 to 30 seconds, so that everybody's thumb is ready."),
        "announced": _("Say in the chat that a drop is coming, 20 seconds or more before it opens: half of your viewers are not looking."),
        "pinned": _("Show the product at least 10 seconds before the drop opens, so that people know what they tap for."),
        "price": _("Write the price once: many watch without sound."),
        "units_said": _("Say how many units there are: it makes the rush fair and believable."),
        "talk": _("Do not fall silent: your longest pause was %(longest_silence_s)s s. A line every half minute keeps the room warm."),
        "questions": _(
            "%(answered)s of %(questions)s questions were answered within half a minute. Take one aloud and in the chat between two products."
        ),
        "after": _("When it is gone, say so, thank everybody, and tell those who missed it what comes next."),
    }


def _ms_pair(half: int | None, most: int | None) -> str:
    if half is None or most is None:
        return _("not measured")
    return _("half within %(half)s ms, 99%% within %(most)s ms") % {"half": half, "most": most}


def _seconds(value: float | None) -> str:
    return _("none") if value is None else _("%(n)s s") % {"n": value}


def _before(value: float | None) -> str:
    return _("not done") if value is None else _("%(n)s s before") % {"n": value}
