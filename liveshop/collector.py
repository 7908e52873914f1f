"""Python's garbage collector in a server process: what was loaded is looked through once, and then no more.

Thousands of sockets allocate enough to set it off all the time; it cost a third of each join (`bin/bench join`).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Python's own: 700, 10, 10. The last two stay small: a socket that leaves is a knot of references which only the oldest generation's
# collection unties, and with 20 and 20 those came so seldom that a room of 2,000 grew by 90 MB an hour (`bin/bench soak`).
THRESHOLDS = (5_000, 5, 1)


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
