"""Filters of the order pages."""

from django import template

from catalog.models import Product

register = template.Library()


@register.filter
def cover(product: Product) -> str:
    """The path of the product's first picture, empty if it has none."""
    first = product.pictures.first()
    return first.path if first else ""


@register.filter
def local_phone(phone: str) -> str:
    """`+8613800001111` → `138 0000 1111`; other countries' numbers stay as they are."""
    if phone.startswith("+86") and len(phone) == 14:
        return f"{phone[3:6]} {phone[6:10]} {phone[10:]}"
    return phone
