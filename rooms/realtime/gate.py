"""How many sockets one person and one address may hold in this process. Memory only: a flood is refused before it costs a query."""

import ipaddress
from collections import Counter

from django.conf import settings

CLOSE_TOO_MANY = 4029


class Gate:
    """Counts who is inside. A thousand homes may stand behind one address, so its bound is wide."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()

    def enter(self, *, person: str, address: str) -> bool:
        """Let a socket in and count it, or not. Whoever was let in must `leave`."""
        home = _home(address)
        if self._inside[person] >= settings.SOCKETS_PER_PERSON:
            return False
        if self._inside[home] >= settings.SOCKETS_PER_ADDRESS and not _is_shared(address):
            return False
        self._inside.update((person, home))
        return True

    def leave(self, *, person: str, address: str) -> None:
        for key in (person, _home(address)):
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key]


def _home(address: str) -> str:
    """What one household has: an IPv4 address, or the first half of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "@"
    return f"@{address}" if parsed.version == 4 else f"@{int(parsed) >> 64:x}::"


def _is_shared(address: str) -> bool:
    """Not from the open net: a proxy that is not believed, or this machine itself, speaks for everybody."""
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return True


gate = Gate()
