"""The processes `bin/run` keeps alive: started apart from the terminal, watched, started again, stopped together."""

import contextlib
import ctypes
import os
import select
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
    pass_fds: tuple[int, ...] = ()
    tells_ready: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    is_needed: bool = False  # by the others, until they are gone
    process: "subprocess.Popen[bytes] | None" = None
    _pipe: int = -1
    deaths: "deque[float]" = field(default_factory=lambda: deque(maxlen=QUICK_DEATHS))

    def start(self) -> None:
        """In a session of its own, so that Ctrl-C reaches only the supervisor, which stops all in order."""
        self._close_pipe()
        environment, inherited = os.environ | self.environment, self.pass_fds
        if self.tells_ready:
            self._pipe, theirs = os.pipe()
            environment["READY_FD"], inherited = str(theirs), (*inherited, theirs)
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if _libc else None,
            pass_fds=inherited,
            env=environment,
        )
        if self.tells_ready:
            os.close(theirs)

    def is_ready(self, wait_s: float) -> bool:
        """Whether it says within `wait_s` that it is loaded; False at once when it dies before."""
        can_be_read, _, _ = select.select([self._pipe], [], [], wait_s)
        return bool(can_be_read) and os.read(self._pipe, 1) == b"1"

    def lives_for(self, seconds: float) -> bool:
        """Whether it has not ended by then."""
        time.sleep(seconds)
        return self.process is not None and self.process.poll() is None

    def successor(self) -> "Child":
        """Another one like it, not started yet."""
        return Child(
            self.name, self.command, once=self.once, pass_fds=self.pass_fds, tells_ready=self.tells_ready, environment=self.environment
        )

    def leave(self) -> None:
        """Let it finish what it has, then be gone."""
        self.signal(signal.SIGTERM)
        self.wait(GRACE_S)

    def wait(self, seconds: float) -> None:
        """Until it is gone; killed when that takes longer."""
        if self.process:
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.process.wait()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

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
    """Ask all, wait, then kill what is left; first those that others do not need."""
    for group in ([child for child in children if not child.is_needed], [child for child in children if child.is_needed]):
        for child in reversed(group):
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for child in group:
            child.wait(max(deadline - time.monotonic(), 0.1))


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Linux ends the child even when the supervisor was killed with -9."""
    if _libc:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
