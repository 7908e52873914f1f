"""`bin/bench autobahn`: the Autobahn fuzzing client against the served socket with all three writers.

The suite (PyPI `autobahntestsuite`) runs on Python 2 alone. WSTEST names its `wstest`; else the one in PATH is taken; where there is
none the bench says so and ends well. Compression (12, 13) is off in this site; 9 measures speed with messages beyond our cap.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from bench.fanout import free_port
from liveshop import servers

REPOSITORY = Path(__file__).resolve().parent.parent
LEFT_OUT = ["9.*", "12.*", "13.*"]
QUICK_CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "7.*"]
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
CAP = str(2**20)  # the suite echoes 64 KiB and more; the site's own cap is 16 KiB


def main(argv: list[str]) -> int:
    """Print a line a writer and the JSON line; 0 when no case failed, or when the suite is not here."""
    options = argparse.ArgumentParser(prog="bin/bench autobahn")
    options.add_argument("--quick", action="store_true", help="without the UTF-8 cases, which are most of the time")
    options.add_argument("--case", action="append", help="only these, e.g. 7.1.5 or 5.*")
    arguments = options.parse_args(argv)
    wstest = os.environ.get("WSTEST") or shutil.which("wstest")
    if not wstest:
        print("skipped: no wstest here. With Python 2: python2 -m pip install autobahntestsuite, or WSTEST=/path/to/wstest")
        print(json.dumps({"bench": "autobahn", "skipped": True, "ok": True}))
        return 0
    cases = arguments.case or (QUICK_CASES if arguments.quick else ["*"])
    failed: dict[str, dict[str, str]] = {}
    counted: dict[str, int] = {}
    for name, (server, fast) in {"daphne": ("daphne", "1"), "uvicorn": ("uvicorn", "1"), "portable": ("uvicorn", "0")}.items():
        results = run(wstest, name, server, fast, cases)
        told = Counter(results.values())
        counted[name] = len(results)
        failed[name] = {case: behaviour for case, behaviour in results.items() if behaviour not in GOOD}
        print(f"{name:10}{len(results):5} cases: " + ", ".join(f"{count} {what}" for what, count in told.most_common()))
        for case, behaviour in results.items():
            if behaviour not in GOOD:
                print(f"{'':10}{case} {behaviour}")
    ok = all(counted.values()) and not any(failed.values())
    print(json.dumps({"bench": "autobahn", "ok": ok, "cases": counted, "failed": {name: len(cases) for name, cases in failed.items()}}))
    return 0 if ok else 1


def run(wstest: str, name: str, server: str, fast: str, cases: list[str]) -> dict[str, str]:
    """Case → behaviour, closing included, of one server with one writer."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        environment = os.environ | {"HUB_FAST_SINKS": fast, "PORT": str(port)}
        process = subprocess.Popen(command(server, port), cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            await_server(port)
            spec = Path(folder) / "spec.json"
            asked = {"url": f"ws://127.0.0.1:{port}/", "agent": name, "options": {"version": 18}}
            spec.write_text(
                json.dumps(
                    {
                        "options": {"failByDrop": False},
                        "outdir": f"{folder}/reports",
                        "servers": [asked],
                        "cases": cases,
                        "exclude-cases": LEFT_OUT,
                        "exclude-agent-cases": {},
                    }
                )
            )
            told = subprocess.run(
                [wstest, "-m", "fuzzingclient", "-s", str(spec)], capture_output=True, text=True, check=False, timeout=1800
            )
            index = Path(folder) / "reports" / "index.json"
            if not index.exists():
                print(told.stdout[-2000:], told.stderr[-2000:], file=sys.stderr)
                return {}
            judged = json.loads(index.read_text())[name]
            if keep := os.environ.get("AUTOBAHN_REPORTS"):
                shutil.copytree(f"{folder}/reports", Path(keep) / name, dirs_exist_ok=True)
            return {case: worst(result["behavior"], result["behaviorClose"]) for case, result in judged.items()}
        finally:
            process.terminate()
            process.wait(20)


def worst(behaviour: str, closing: str) -> str:
    return behaviour if behaviour not in GOOD else closing if closing not in GOOD else behaviour


def command(server: str, port: int) -> list[str]:
    """The site's own command line with the echo application and a wider message cap."""
    made = getattr(servers, server)(host="127.0.0.1", port=port, application="bench._echo_server:application")
    cap = ["--ws-max-size", CAP] if server == "uvicorn" else ["--websocket-max-message-size", CAP, "--websocket-max-frame-size", CAP]
    return [*made, *cap]


def await_server(port: int) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return
        except HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the echo server does not start")
