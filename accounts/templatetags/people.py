"""Filters for people's pages."""

from django import template

from accounts import phones

register = template.Library()


@register.filter
def masked(phone: str | None) -> str:
    """`+8613812345678` → `138****5678`."""
    return phones.mask(phone)
