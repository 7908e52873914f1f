"""How much a publisher may send before anybody looks at its bitrate: a flood is cut while it comes, not ten seconds later."""

import time

from django.conf import settings

WINDOW_S = 10.0
SLACK = 2.0  # a line that was stuck brings what it held back at once


class Pace:
    """One publisher's bytes within a while."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._size = 0

    def takes(self, size: int) -> bool:
        """Whether so many bytes more are bearable."""
        now = time.monotonic()
        if now - self._began > WINDOW_S:
            self._began, self._size = now, 0
        self._size += size
        return self._size <= settings.STREAM_KBPS_MAX * 125 * WINDOW_S * SLACK
