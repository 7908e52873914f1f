"""How many sockets one person and one address may hold in this process, and how widely they shall come back when it is gone.

Memory only: a flood is refused before it costs a query.
"""

import ipaddress
import math
from collections import Counter

from django.conf import settings

SPREAD_LEAST_S, SPREAD_MOST_S = 3, 30


class Gate:
    """Counts who is inside. A thousand homes may stand behind one address, so its bound is wide."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()
        self._sockets = 0

    def enter(self, *, person: str, address: str) -> bool:
        """Let a socket in and count it, or not. Whoever was let in must `leave`."""
        home = _home(address)
        if self._inside[person] >= settings.SOCKETS_PER_PERSON:
            return False
        if self._inside[home] >= settings.SOCKETS_PER_ADDRESS and not _is_shared(address):
            return False
        self._inside.update((person, home))
        self._sockets += 1
        return True

    def leave(self, *, person: str, address: str) -> None:
        self._sockets -= 1
        for key in (person, _home(address)):
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key]

    @property
    def spread_ms(self) -> int:
        """Over how long the pages of this process shall spread their reconnects, so that others can take them in; whole seconds."""
        needed = math.ceil(self._sockets / settings.RECONNECTS_PER_S)
        return 1000 * min(max(needed, SPREAD_LEAST_S), SPREAD_MOST_S)


def _home(address: str) -> str:
    """What one household has: an IPv4 address, or the first half of an IPv6 one."""
    parsed = _parsed(address)
    if parsed is None:
        return "@"
    return f"@{parsed}" if parsed.version == 4 else f"@{int(parsed) >> 64:x}::"


def _is_shared(address: str) -> bool:
    """Not from the open net: a proxy that is not believed, or this machine itself, speaks for everybody."""
    parsed = _parsed(address)
    return parsed is None or parsed.is_private


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IPv4 client of a socket that listens on IPv6 is still an IPv4 client."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if parsed.version == 6 else parsed


gate = Gate()
