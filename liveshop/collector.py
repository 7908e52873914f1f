"""Python's garbage collector in a server process: what was loaded is looked through once, and then no more.

Thousands of sockets allocate enough to set it off all the time; it cost a third of each join (`bin/bench join`).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (10_000, 20, 20)  # Python's own: 700, 10, 10


@contextmanager
def tuned() -> Iterator[None]:
    """As in a server, for a while: benchmarks and tests in one process."""
    before = gc.get_threshold()
    tune()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def tune() -> None:
    """Call it when everything is imported and nobody is served yet."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
