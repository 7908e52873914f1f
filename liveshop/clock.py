"""Server time. Countdowns never trust the phone, so every page and tick carries `server_ms()`."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """The present moment, aware, UTC."""
    return timezone.now()


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, as browsers count them."""
    return int(moment.timestamp() * 1000)


def server_ms() -> int:
    """`now()` in milliseconds since the epoch."""
    return to_ms(now())
