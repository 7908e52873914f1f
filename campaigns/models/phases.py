"""What a deal or coupon is called by the clock."""

from datetime import datetime

from django.utils import timezone


def phase(starts_at: datetime | None, ends_at: datetime | None, is_over: bool) -> str:
    """Is it "soon", "now" or "ended"?"""
    moment = timezone.now()
    if is_over or (ends_at is not None and ends_at <= moment):
        return "ended"
    return "soon" if starts_at is None or starts_at > moment else "now"
