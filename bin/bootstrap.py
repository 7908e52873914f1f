"""Makes the virtual environment with the pinned requirements, then becomes the program that was asked for.

Used by `bin/run`, `bin/test`, `bin/check` and `bin/bench` with the machine's own Python, so it imports the standard library alone.
`bin/bootstrap.py MODULE [--dev] -- ARGUMENTS`
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("LIVESHOP_VENV") or REPOSITORY / ".venv")
PYTHON = VENV / "bin" / "python"
LEAST_FREE_BYTES = 1024**3


def main() -> NoReturn:
    module, *rest = sys.argv[1:]
    needed = ["requirements.txt", *(["requirements-dev.txt"] if "--dev" in rest[: rest.index("--")] else [])]
    arguments = rest[rest.index("--") + 1 :]
    VENV.mkdir(parents=True, exist_ok=True)
    with (VENV / ".lock").open("w") as lock:  # two commands at once must not install into each other
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare(needed)
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.chdir(REPOSITORY)
    os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])  # noqa: S606 - no shell wanted


def prepare(needed: list[str]) -> None:
    """Nothing when the files were installed before; else the environment and pip."""
    stamps = {VENV / f".installed-{digest(name)}": name for name in needed}
    missing = [name for stamp, name in stamps.items() if not stamp.exists()]
    if not missing:
        return
    started = time.monotonic()
    say(f"installing {' and '.join(missing)} into {VENV} (a minute or two, the first time only)")
    free = shutil.disk_usage(VENV).free
    if free < LEAST_FREE_BYTES:
        stop(f"no disk space: {free // 1024**2} MB free at {VENV}, 1024 MB needed")
    if not works(PYTHON):
        make_environment()
    install(missing)
    for stamp in VENV.glob(".installed-*"):
        is_older = any(stamp.name.startswith(f".installed-{name}-") for name in missing)
        if stamp not in stamps and is_older:
            stamp.unlink()
    for stamp in stamps:
        stamp.touch()
    say(f"installed in {time.monotonic() - started:.0f} s")


def make_environment() -> None:
    for link in (PYTHON, PYTHON.with_name("python3")):  # venv leaves one alone that points to a Python no longer there
        link.unlink(missing_ok=True)
    told = run([sys.executable, "-m", "venv", str(VENV)])
    if told.returncode and "ensurepip" in told.stdout:
        stop("this Python cannot make virtual environments: install the package python3-venv, then try again")
    if told.returncode:
        stop(f"the virtual environment could not be made in {VENV}: {last_line(told.stdout)}")


def install(names: list[str]) -> None:
    files = [part for name in names for part in ("-r", str(REPOSITORY / name))]
    told = run([str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", *files])
    if told.returncode:
        log = VENV / "pip.log"
        log.write_text(told.stdout, encoding="utf-8")
        stop(f"pip could not install the requirements (is the network there?): {last_line(told.stdout)} (all of it: {log})")


def works(python: Path) -> bool:
    try:
        return run([str(python), "-m", "pip", "--version"]).returncode == 0
    except OSError:
        return False


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603


def digest(name: str) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{name}-{hashlib.sha256(version.encode() + (REPOSITORY / name).read_bytes()).hexdigest()[:16]}"


def last_line(text: str) -> str:
    """The line that says why: pip's last ERROR about the network or the disk, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "No space left" in line or "Temporary failure" in line or "NewConnectionError" in line]
    errors = errors or [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["it said nothing"])[-1][:300]


def say(text: str) -> None:
    print(f"liveshop: {text}", flush=True)  # noqa: T201


def stop(text: str) -> NoReturn:
    print(f"liveshop: {text}", file=sys.stderr, flush=True)  # noqa: T201
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as problem:
        stop(f"{problem.strerror or problem}: {problem.filename or VENV}")
