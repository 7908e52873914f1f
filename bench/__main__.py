"""`bin/bench NAME …` runs `bench/NAME.py`'s `main(argv) -> int`; without a name it lists them.

`--record` adds the result to docs/bench-results.md, with date, commit and machine. Without DATABASE_URL it has an embedded database.
"""

import contextlib
import datetime
import importlib
import io
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TextIO

from liveshop.postgres import DatabaseUnavailable, EmbeddedPostgres

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "docs" / "bench-results.md"
HOME = Path(os.environ.get("BENCH_HOME") or f"/var/tmp/liveshop-bench-{os.getuid()}")


class Tee(io.TextIOBase):
    """Shows what is printed and keeps it."""

    def __init__(self, screen: TextIO) -> None:
        self.screen = screen
        self.kept: list[str] = []

    def write(self, text: str) -> int:
        self.kept.append(text)
        return self.screen.write(text)

    def flush(self) -> None:
        self.screen.flush()


def main() -> int:
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        print("bin/bench NAME [--quick] [--record]\nbenchmarks: " + (", ".join(names) or "none yet"))
        return 2
    name, arguments = sys.argv[1], [argument for argument in sys.argv[2:] if argument != "--record"]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liveshop.settings")
    database = None
    try:
        if not os.environ.get("DATABASE_URL"):
            database = EmbeddedPostgres(HOME).start()
            database.ensure_database("bench")
            os.environ["DATABASE_URL"] = database.url("bench")
        tee = Tee(sys.stdout)
        with contextlib.redirect_stdout(tee):
            code = int(importlib.import_module(f"bench.{name}").main(arguments))
        if "--record" in sys.argv:
            record(" ".join([name, *(Path(argument).name for argument in arguments)]), "".join(tee.kept))
        return code
    except DatabaseUnavailable as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    finally:
        if database:
            database.stop()


def record(what: str, printed: str) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    ).stdout.strip()
    day = datetime.datetime.now(datetime.UTC).date()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    title = "" if RESULTS.exists() else "# Measured\n\nEach entry was written by `bin/bench … --record`.\n"
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as results:
        results.write(f"{title}\n## {day} `bin/bench {what}` at {commit}\n\n{machine}\n\n```\n{printed.strip()}\n```\n")


if __name__ == "__main__":
    sys.exit(main())
