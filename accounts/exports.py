"""What the site knows of a person, for that person."""

from typing import Any

from accounts import addresses
from accounts.models import AuditEntry, Sanction, User


def personal_data(user: User) -> dict[str, Any]:
    """Everything this package keeps about `user`, as plain JSON values. Identity digests cannot be read back and are only counted."""
    return {
        "profile": {
            "nickname": user.nickname,
            "phone": user.phone,
            "email": user.email,
            "bio": user.bio,
            "language": user.language,
            "is_anchor": user.is_anchor,
            "joined_at": user.date_joined.isoformat(),
            "first_paid_at": user.first_paid_at.isoformat() if user.first_paid_at else None,
        },
        "addresses": list(addresses.of(user).values(*addresses.FIELDS, "is_default")),
        "identity_keys": list(user.identity_keys.order_by("kind", "seen_at").values("kind", "seen_at", "keep_until")),
        "sanctions": list(
            Sanction.objects.filter(user=user).order_by("id").values("kind", "scope", "rule", "starts_at", "expires_at", "lifted_at")
        ),
        "changes": list(
            AuditEntry.objects.filter(subject=f"user:{user.public_id}").order_by("id").values("at", "action", "before", "after", "reason")
        ),
    }
