"""`bin/bench page`: Lighthouse on the served feed and room, phone profile, plus script weight and what is there without scripts.

Starts its own demo site on a free port unless `--url http://…` names a running one. Lighthouse comes from npm into an ignored
folder; without npm or Chromium the bench says so and fails.
"""

import argparse
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import Request, urlopen

from bench import _database
from tests.chromium import find_chromium

REPOSITORY = Path(__file__).resolve().parent.parent
CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
GOAL_SCORE = 90
GOAL_SCRIPT_KB = 120
CHROME_FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --no-first-run"


def main(argv: list[str]) -> int:
    """Print a table and the JSON line; 0 when every score and the weight reach their goals."""
    options = argparse.ArgumentParser(prog="bin/bench page")
    options.add_argument("--url", help="a running demo site")
    options.add_argument("--quick", action="store_true", help="one run of each page instead of the median of three")
    arguments = options.parse_args(argv)
    lighthouse = install_lighthouse()
    chromium = find_chromium()
    if not lighthouse or not chromium:
        print("page: needs npm (for Lighthouse) and Chromium")
        return 1
    with site(arguments.url) as base:
        room = first_room(base)
        scores = {
            name: audit(lighthouse, chromium, base + path, 1 if arguments.quick else 3) for name, path in [("feed", "/"), ("room", room)]
        }
        script_kb = script_weight(base, room)
        bare = missing_without_scripts(base, room)
    worst = min(score for page in scores.values() for score in page.values())
    print(f"{'page':6}" + "".join(f"{name:>16}" for name in CATEGORIES))
    for name, page in scores.items():
        print(f"{name:6}" + "".join(f"{page[category]:>16}" for category in CATEGORIES))
    print(f"script of the room page: {script_kb:.1f} KB gzipped (goal ≤ {GOAL_SCRIPT_KB})")
    print("without scripts the room shows: " + (f"everything but {', '.join(bare)}" if bare else "picture, price, shelf, chat and seller"))
    ok = worst >= GOAL_SCORE and script_kb <= GOAL_SCRIPT_KB and not bare
    figures = {"bench": "page", "ratio": worst, "goal": GOAL_SCORE, "ok": ok, "script_kb": round(script_kb, 1), "missing": bare, **scores}
    print(json.dumps(figures))
    return 0 if ok else 1


def install_lighthouse() -> Path | None:
    """The `lighthouse` program from `package.json`, installed once."""
    program = REPOSITORY / "node_modules" / ".bin" / "lighthouse"
    if not program.exists() and shutil.which("npm"):
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"], cwd=REPOSITORY, check=False)
    return program if program.exists() else None


@contextmanager
def site(url: str | None) -> Iterator[str]:
    """The address of a demo site, started here unless `url` names one."""
    if url:
        yield url.rstrip("/")
        return
    with _database.fresh():  # other benchmarks leave rooms without goods behind
        yield from _serve()


def _serve() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "DEMO": "1", "PACKED_STATIC": "1", "PORT": str(port)}
    for command in (["migrate", "-v0"], ["demo_seed"], ["collectstatic", "--noinput", "-v0"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=REPOSITORY, env=env, check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen(
        [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "liveshop.asgi:application"],
        cwd=REPOSITORY, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(base)
        yield base
    finally:
        server.terminate()
        server.wait(10)


def wait_for(base: str) -> None:
    for _ in range(120):
        try:
            fetch(base + "/healthz")
            return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError(f"{base} does not answer")


def audit(lighthouse: Path, chromium: str, url: str, runs: int) -> dict[str, int]:
    """The median score, 0–100, of each category with Lighthouse's phone profile."""
    reports = [run_lighthouse(lighthouse, chromium, url) for _ in range(runs)]
    return {category: sorted(report[category] for report in reports)[runs // 2] for category in CATEGORIES}


def run_lighthouse(lighthouse: Path, chromium: str, url: str) -> dict[str, int]:
    command = [str(lighthouse), url, "--output=json", "--output-path=stdout", "--quiet", f"--chrome-flags={CHROME_FLAGS}"]
    command.append("--only-categories=" + ",".join(CATEGORIES))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "CHROME_PATH": chromium}, timeout=180)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    report = json.loads(done.stdout)
    keep_failures(url, report)
    return {category: round(100 * (report["categories"][category]["score"] or 0)) for category in CATEGORIES}


def keep_failures(url: str, report: dict) -> None:
    """Say which audits cost points, so that the table can be acted on."""
    for category in CATEGORIES:
        for reference in report["categories"][category]["auditRefs"]:
            found = report["audits"][reference["id"]]
            if reference["weight"] and found["score"] is not None and found["score"] < 0.9:
                print(f"  {url.rsplit('/', 1)[-1] or 'feed'} {category}: {found['title']} {found.get('displayValue', '')}")


def first_room(base: str) -> str:
    found = re.search(r'href="(/live/[\w-]+)"', fetch(base + "/"))
    if not found:
        raise RuntimeError("the feed shows no room")
    return found.group(1)


def script_weight(base: str, path: str) -> float:
    """Kilobytes of all scripts the page loads, imports included, each gzipped."""
    page = fetch(base + path)
    waiting = [urljoin(base + path, source) for source in re.findall(r'<script[^>]+src="([^"]+)"', page)]
    inline = "".join(re.findall(r"<script(?![^>]+src=)[^>]*>(.*?)</script>", page, re.DOTALL))
    seen: set[str] = set()
    total = len(gzip.compress(inline.encode())) if inline.strip() else 0
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        text = fetch(address)
        total += len(gzip.compress(text.encode()))
        waiting += [urljoin(address, name) for name in re.findall(r'(?:from|import)\s*\(?"(\.{1,2}/[^"]+|/[^"]+\.js)"', text)]
    return total / 1024


def missing_without_scripts(base: str, path: str) -> list[str]:
    """What the room's HTML lacks before any script runs."""
    page = fetch(base + path)
    wanted = {
        "pinned card": 'data-panel="pin"',
        "price": "¥",
        "shelf": 'data-panel="shelf"',
        "chat": 'class="line',
        "seller": 'data-panel="notice"',
    }
    return [name for name, mark in wanted.items() if mark not in page]


def fetch(url: str) -> str:
    with urlopen(Request(url, headers={"Accept-Language": "zh-CN"}), timeout=10) as answer:
        return answer.read().decode()
