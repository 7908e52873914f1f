"""Identity keys: what ties several accounts to one person, kept only as keyed hashes.

A digest cannot be turned back into the phone or device; two equal values have equal digests as long as
`settings.IDENTITY_KEY` stays the same.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest

from accounts.models import IdentityKey, IdentityKind, User
from liveshop.clock import now

KEPT_FOR = timedelta(days=2 * 365)
CODE_LENGTH = 16


def digest(kind: str, value: str) -> bytes:
    """The 32-byte keyed hash of a phone, device, payer or address."""
    return hmac.new(settings.IDENTITY_KEY.encode(), f"{kind}:{value}".encode(), hashlib.sha256).digest()


def remember(user: User, kind: str, value: str) -> None:
    """Note that this person uses this phone, device, payer account or address; seeing it again renews its retention."""
    moment = now()
    IdentityKey.objects.bulk_create(
        [IdentityKey(user=user, kind=kind, digest=digest(kind, value), seen_at=moment, keep_until=moment + KEPT_FOR)],
        update_conflicts=True,
        unique_fields=["user", "kind", "digest"],
        update_fields=["seen_at", "keep_until"],
    )


def person_of(request: HttpRequest) -> str:
    """Who looks: `u:<public id>` for a signed-in person, `d:<device>` for a guest."""
    if request.user.is_authenticated:
        return f"u:{request.user.public_id}"
    return f"d:{getattr(request, 'device', '')}"


def digests_of(user: User, device: str = "") -> dict[str, bytes]:
    """The digests of the person's phone and of the device in hand; an absent one is left out."""
    found = {}
    if user.phone:
        found[IdentityKind.PHONE.value] = digest(IdentityKind.PHONE, user.phone)
    if device:
        found[IdentityKind.DEVICE.value] = digest(IdentityKind.DEVICE, device)
    return found


def last_device(user: User) -> bytes | None:
    """The digest of the device this person was last seen with."""
    key = IdentityKey.objects.filter(user=user, kind=IdentityKind.DEVICE).order_by("-seen_at").first()
    return bytes(key.digest) if key else None


def code_of(device: bytes | memoryview) -> str:
    """What operators call a device: the beginning of its digest in hexadecimal."""
    return bytes(device).hex()[:CODE_LENGTH]


def devices_of(user: User) -> list[tuple[str, datetime]]:
    """Codes of this person's devices and when each was last seen, the newest first."""
    keys = IdentityKey.objects.filter(user=user, kind=IdentityKind.DEVICE).order_by("-seen_at")
    return [(code_of(key.digest), key.seen_at) for key in keys[:10]]


def device_of(code: str) -> bytes | None:
    """The digest of the device with this code, if one was seen."""
    try:
        start = bytes.fromhex(code)
    except ValueError:
        return None
    if len(code) != CODE_LENGTH:
        return None
    longest = start + b"\xff" * 24
    key = IdentityKey.objects.filter(kind=IdentityKind.DEVICE, digest__gte=start, digest__lte=longest).first()
    return bytes(key.digest) if key else None


def forget_expired() -> int:
    """Delete the keys whose retention has run out; returns how many."""
    return IdentityKey.objects.filter(keep_until__lt=now()).delete()[0]
