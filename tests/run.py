"""`bin/test`: makes what the tests need (database, Chromium), runs the fast ones, then those that look at a clock: browsers and faults.

Arguments go to one plain pytest run: `bin/test -k claims`, `bin/test rooms -x`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from liveshop import translations
from liveshop.postgres import DatabaseUnavailable, EmbeddedPostgres
from tests.chromium import find_chromium
from tests.programs import install, nginx_rtmp

REPOSITORY = Path(__file__).resolve().parent.parent
TIMED = "browser or faults"
SOME_FAILED = 1
DEBIAN_PACKAGES = ["chromium", "fonts-noto-cjk", "fonts-noto-color-emoji"]


def main() -> int:
    arguments = sys.argv[1:]
    home = test_home()
    os.environ["LIVESHOP_HOME"] = str(home)
    os.environ.setdefault("DEMO", "1")
    for name in ("PRODUCTION", "SITE_URL", "ALLOWED_HOSTS"):
        os.environ.pop(name, None)
    translations.compile_all()
    has_browser = ensure_chromium()
    left_out = ensure_servers()
    database = None
    try:
        if not os.environ.get("DATABASE_URL"):
            print(f"tests: embedded PostgreSQL in {home} (TEST_HOME)", flush=True)
            database = EmbeddedPostgres(home).start()
            os.environ["DATABASE_URL"] = database.url("postgres")
        (home / "static").mkdir(parents=True, exist_ok=True)
        return run_chosen(arguments) if arguments else run_all(has_browser, left_out)
    except DatabaseUnavailable as problem:
        print(f"tests: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if database:
            database.stop()


def run_chosen(arguments: list[str]) -> int:
    return subprocess.call([sys.executable, "-m", "pytest", *arguments], cwd=REPOSITORY)


def run_all(has_browser: bool, left_out: list[str]) -> int:
    """Fast tests on two processes, then the timed ones, which mostly wait, on three; pytest's own closing lines come last."""
    timed = TIMED if has_browser else TIMED.replace("browser or ", "")
    fast, fast_closing = run_group(["-q", "--durations=5", "-n", "2", "-m", f"not ({TIMED})"])
    rest, *closings = run_group(["-q", "--durations=5", "-n", "3", "--dist", "loadfile", "-m", timed])
    if rest == SOME_FAILED:
        # Two browsers on two cores make a picture late or a word a second too long; a broken rule fails alone, too.
        print("tests: once more, with the machine to themselves: those that failed beside others", flush=True)
        rest, closing = run_group(["-q", "-m", timed, "--last-failed", "--last-failed-no-failures", "none"])
        closings.append(f"alone: {closing}")
    if not has_browser:
        print("tests: the browser tests did not run: install the package chromium, or set CHROMIUM to its path")
    print("\n".join([*left_out, fast_closing, *closings]))
    return 0 if has_browser and fast == rest == 0 else 1


def run_group(arguments: list[str]) -> tuple[int, str]:
    """One pytest run, shown as it goes; returns its code and its closing line."""
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    command = [sys.executable, "-m", "pytest", *colour, *arguments]
    closing = ""
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None
        while piece := process.stdout.read(1) if sys.stdout.isatty() else process.stdout.readline():
            print(piece, end="", flush=True)
            closing = (closing + piece)[-400:]
    return process.returncode, closing.strip().splitlines()[-1] if closing.strip() else ""


def ensure_chromium() -> bool:
    """Found, or installed where root may; with the fonts that Chinese pages need."""
    if find_chromium():
        return True
    install(*DEBIAN_PACKAGES)
    if find_chromium():
        return True
    print("tests: no Chromium for the browser tests: install the package chromium, or set CHROMIUM to its path", flush=True)
    return False


def ensure_servers() -> list[str]:
    """Redis and an external media server, for the tests of their deaths; returns in words what is not there, so that it is told at the end."""
    if shutil.which("redis-server") is None:
        install("redis-server")
    if nginx_rtmp() is None:
        install("nginx-light", "libnginx-mod-rtmp")
    left_out = []
    if shutil.which("redis-server") is None:
        left_out.append("tests: those of several processes did not run: install the package redis-server")
    if nginx_rtmp() is None:
        left_out.append("tests: those of an external media server did not run: install the packages nginx-light and libnginx-mod-rtmp")
    return left_out


def test_home() -> Path:
    """A folder the database's user can reach, apart from the site's data and from other checkouts."""
    named = os.environ.get("TEST_HOME")
    if named:
        return Path(named)
    return Path("/var/tmp") / f"liveshop-test-{os.getuid()}-{hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]}"


if __name__ == "__main__":
    sys.exit(main())
