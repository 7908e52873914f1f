"""Filters every template has at hand: money, pictures, short counts."""

from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.translation import get_language

from liveshop import clock, money

register = template.Library()


@register.filter
def fen(amount_fen: int) -> str:
    """`3990` → `¥39.90`."""
    return money.format_fen(amount_fen)


@register.filter
def yuan(amount_fen: int) -> str:
    """`3990` → `39.90`, for a ¥ sign set in its own size."""
    return money.format_fen(amount_fen).replace("¥", "")


@register.filter
def percent(rate_permille: int) -> str:
    """`125` → `12.5%`."""
    whole, rest = divmod(rate_permille, 10)
    return f"{whole}.{rest}%" if rest else f"{whole}%"


@register.filter
def picture(path: str) -> str:
    """The address of a stored picture path: `media:a.webp` below media/, anything else below static/."""
    if path.startswith("media:"):
        return settings.MEDIA_URL + path.removeprefix("media:")
    return static(path or "img/blank.svg")


@register.filter
def ms(moment: datetime | None) -> str:
    """Milliseconds since the epoch, empty for None: for data- attributes read by countdowns."""
    return "" if moment is None else str(clock.to_ms(moment))


@register.filter
def short_count(count: int) -> str:
    """`32000` → `3.2万` in Chinese, `32K` in English."""
    if (get_language() or "").startswith("zh"):
        return f"{count / 10_000:.1f}".rstrip("0").rstrip(".") + "万" if count >= 10_000 else f"{count:,}"
    return f"{count / 1000:.1f}".rstrip("0").rstrip(".") + "K" if count >= 10_000 else f"{count:,}"


@register.filter
def small_picture(path: str) -> str:
    """The address of a picture's small size: uploaded goods have one, anything else is small already."""
    if path.startswith("media:goods/"):
        path = path.removesuffix(".webp") + ".s.webp"
    return picture(path)


@register.simple_tag
def local_name(thing: Any) -> str:
    """The Chinese or English name of a category or belt."""
    return str(thing.name if (get_language() or "").startswith("zh") or not thing.name_en else thing.name_en)
