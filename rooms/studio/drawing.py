"""The minute curve as lines of an SVG: online people and sales, with the moments that explain them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from rooms import stats
from rooms.models import Show, ShowMinute

WIDTH, HEIGHT, TOP = 640, 120, 18
MAX_MARKS = 8
LABEL_GAP = 56


@dataclass(frozen=True, slots=True)
class MarkLine:
    """A dotted line with its words, at `x` in the picture and `part` percent of its width; `anchor` keeps the words inside the picture."""

    x: str
    part: str
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything the template needs; `online` and `sales` are SVG point lists."""

    minutes: list[ShowMinute]
    online: str
    sales: str
    marks: list[MarkLine]
    peak_online: int
    peak_sales_fen: int
    starts_at: datetime | None
    ends_at: datetime | None


def draw(show: Show) -> Drawing:
    """The curve of the show so far; quiet minutes are zero sales and the last known online."""
    curve = stats.curve(show)
    filled = _every_minute(curve.minutes)
    online = [minute.online for minute in filled]
    sales = [minute.sales_fen for minute in filled]
    marks = _marks(curve.marks, filled) if filled else []
    return Drawing(
        minutes=curve.minutes,
        online=_points(online),
        sales=_points(sales),
        marks=marks,
        peak_online=max(online, default=0),
        peak_sales_fen=max(sales, default=0),
        starts_at=filled[0].minute if filled else None,
        ends_at=filled[-1].minute if filled else None,
    )


def _every_minute(minutes: list[ShowMinute]) -> list[ShowMinute]:
    filled: list[ShowMinute] = []
    for minute in minutes:
        while filled and minute.minute - filled[-1].minute > timedelta(minutes=1):
            filled.append(ShowMinute(minute=filled[-1].minute + timedelta(minutes=1), online=filled[-1].online))
        filled.append(minute)
    return filled


def _points(values: list[int]) -> str:
    top = max(values, default=0) or 1
    width = WIDTH / max(len(values) - 1, 1)
    if len(values) == 1:
        values = values * 2
        width = WIDTH
    return " ".join(f"{i * width:.1f},{HEIGHT - 4 - (HEIGHT - TOP - 4) * value / top:.1f}" for i, value in enumerate(values))


def _marks(marks: list[stats.Mark], filled: list[ShowMinute]) -> list[MarkLine]:
    width = WIDTH / max(len(filled) - 1, 1)
    lines = []
    shown = [mark for mark in marks if mark.kind in ("pinned", "drop_pressed", "show_interrupted")][-MAX_MARKS:]
    for mark in shown:
        place = (mark.minute - filled[0].minute) / timedelta(minutes=1)
        x = min(max(place * width, 0), WIDTH)
        lines.append(MarkLine(x=f"{x:.1f}", part=f"{x / WIDTH * 100:.1f}", label=_label(mark), anchor="end" if x > WIDTH - 80 else "start"))
    return _readable(lines)


def _readable(lines: list[MarkLine]) -> list[MarkLine]:
    """Words that would lie on the words of a later mark are left out; their line stays."""
    kept: list[MarkLine] = []
    free_until = float("inf")
    for line in reversed(lines):
        has_room = free_until - float(line.x) >= LABEL_GAP
        free_until = float(line.x) if has_room else free_until
        kept.append(line if has_room else replace(line, label=""))
    return kept[::-1]


def _label(mark: stats.Mark) -> str:
    if mark.kind == "pinned":
        return _("No. %(number)s") % {"number": mark.label}
    if mark.kind == "drop_pressed":
        return mark.label or _("Drop")
    return _("Signal lost")
