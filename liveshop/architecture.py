"""The rules of the house, read from the source: who may import whom, and names that say nothing.

Run as `python -m liveshop.architecture`; also a test. Dotted paths in `liveshop.wiring` are the one way to the right.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ["liveshop", "ledger", "accounts", "catalog", "rooms", "campaigns", "orders", "alliance", "traffic", "demo"]
EMPTY_NAMES = {"utils", "helpers", "services", "core", "common", "manager", "misc"}
ENTRANCES = {("liveshop/asgi.py", "rooms")}  # the ASGI application must name the socket routes


def broken_rules() -> list[str]:
    """One line for each breach, with its place."""
    return [line for path in sources() for line in (*wrong_imports(path), *wrong_names(path))]


def sources() -> Iterator[Path]:
    """The packages' own code; tests may look at everything and migrations are history."""
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.relative_to(REPOSITORY).parts):
                yield path


def wrong_imports(path: Path, source: str | None = None) -> Iterator[str]:
    """Imports of a package that stands to the right, and of the model signals that hide what happens."""
    place = path.relative_to(REPOSITORY).as_posix()
    home = PACKAGES.index(place.split("/")[0])
    for node in ast.walk(ast.parse(source if source is not None else path.read_text(encoding="utf-8"))):
        for module in _imported(node):
            package = module.split(".")[0]
            if package in PACKAGES and PACKAGES.index(package) > home and (place, package) not in ENTRANCES:
                yield f"{place}:{getattr(node, 'lineno', 0)}: {PACKAGES[home]} may not import {package}"
            if module == "django.db.models.signals":
                yield f"{place}:{getattr(node, 'lineno', 0)}: business flow does not go through signals"


def wrong_names(path: Path) -> Iterator[str]:
    """Modules named after nothing."""
    place = path.relative_to(REPOSITORY)
    for part in (*place.parts[:-1], place.stem):
        if part in EMPTY_NAMES:
            yield f"{place.as_posix()}: “{part}” does not say what is inside"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


if __name__ == "__main__":
    found = broken_rules()
    print("\n".join(found), end="\n" if found else "")  # noqa: T201 - a command line tool speaks
    sys.exit(bool(found))
