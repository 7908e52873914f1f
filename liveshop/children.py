"""The processes `bin/run` keeps alive: started apart from the terminal, watched, started again, stopped together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field

QUICK_DEATHS = 5
QUICK_S = 60.0
GRACE_S = 10.0
PR_SET_PDEATHSIG = 1


class KeepsDying(RuntimeError):
    """A child died so often that starting it again helps nobody."""


@dataclass
class Child:
    """One process. `once`: it may end by itself."""

    name: str
    command: list[str]
    once: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    deaths: "deque[float]" = field(default_factory=lambda: deque(maxlen=QUICK_DEATHS))

    def start(self) -> None:
        """In a session of its own, so that Ctrl-C reaches only the supervisor, which stops all in order."""
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent if _libc else None
        )

    def watch(self) -> str:
        """Starts it again if it died; returns a line to tell, or nothing. Raises KeepsDying."""
        code = self.process.poll() if self.process else None
        if code is None or (self.once and code == 0):
            return ""
        self.deaths.append(time.monotonic())
        if len(self.deaths) == QUICK_DEATHS and self.deaths[-1] - self.deaths[0] < QUICK_S:
            raise KeepsDying(f"the {self.name} ended {QUICK_DEATHS} times within a minute (last code {code}); what it printed is above")
        time.sleep(min(0.5 * len(self.deaths), 2))
        self.start()
        return f"the {self.name} ended with code {code} and was started again"

    def signal(self, number: int) -> None:
        """To the process and all it started."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def stop_all(children: list[Child]) -> None:
    """Ask all, wait, then kill what is left."""
    for child in reversed(children):
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    for child in children:
        if child.process:
            try:
                child.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.signal(signal.SIGKILL)
                child.process.wait()


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Linux ends the child even when the supervisor was killed with -9."""
    if _libc:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
