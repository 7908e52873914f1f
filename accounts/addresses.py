"""Receiving addresses: one default for each person, always."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import Address, User
from liveshop.refusals import Code, Refused

MOST = 20
FIELDS = ("name", "phone", "province", "city", "district", "detail")


def of(user: User) -> QuerySet[Address]:
    """The person's addresses, the default first."""
    return Address.objects.filter(user=user).order_by("-is_default", "-id")


def default_of(user: User) -> Address | None:
    """The address a checkout starts with."""
    return of(user).first()


def find(user: User, public_id: str) -> Address:
    """One of the person's own. Raises Refused(NOT_FOUND), also for somebody else's."""
    address = of(user).filter(public_id=public_id).first()
    if address is None:
        raise Refused(Code.NOT_FOUND)
    return address


def save(*, user: User, address: Address | None = None, is_default: bool = False, **fields: Any) -> Address:
    """Add an address, or change `address`; the first one is the default. Raises Refused(INVALID | NOT_FOUND)."""
    if address is not None and address.user_id != user.pk:
        raise Refused(Code.NOT_FOUND)
    with transaction.atomic(durable=True):
        # One at a time for each person: two tabs must not both make a default.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if address is None:
            address = _new_in_tx(user)
        for field in FIELDS:
            setattr(address, field, fields.get(field, getattr(address, field)))
        if is_default or not of(user).exclude(pk=address.pk).exists():
            of(user).exclude(pk=address.pk).update(is_default=False)
            address.is_default = True
        address.save()
    return address


def make_default(*, user: User, address: Address) -> Address:
    """Checkouts start with this address from now on."""
    return save(user=user, address=address, is_default=True)


def remove(*, user: User, address: Address) -> None:
    """Delete an address; the newest other one becomes the default. Orders keep their own copy."""
    with transaction.atomic(durable=True):
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        of(user).filter(pk=address.pk).delete()
        heir = of(user).first()
        if heir is not None and not heir.is_default:
            of(user).filter(pk=heir.pk).update(is_default=True)


def _new_in_tx(user: User) -> Address:
    if of(user).count() >= MOST:
        raise Refused(Code.INVALID, why=_("At most %(most)s addresses") % {"most": MOST})
    return Address(user=user)
