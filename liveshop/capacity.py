"""What this machine was measured to carry: written by `bin/bench capacity` into the data folder, shown to operators."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from liveshop import homes

FILE = "capacity.json"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Viewers of busy rooms and committed claims a second of one server process; `day` as 2026-11-23, `machine` in words."""

    viewers: int
    claims_per_s: int
    day: str
    machine: str


def read() -> Capacity | None:
    """The last measurement; None when there is none, or none that can be read."""
    try:
        return Capacity(**json.loads(_path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(capacity: Capacity) -> None:
    """Keep a measurement."""
    homes.make(_path().parent)
    _path().write_text(json.dumps(asdict(capacity), ensure_ascii=False), encoding="utf-8")


def _path() -> Path:
    return homes.data_home() / FILE
