"""Mutes and bans: imposed with a rule, an actor and evidence, ended by time or by lifting, never deleted."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from accounts import audit, identity
from accounts.models import Farewell, IdentityKind, Sanction, SanctionKind, User
from liveshop import bus
from liveshop.clock import now
from liveshop.refusals import Code, Refused

PLATFORM = "platform"


def impose(
    *,
    actor: User,
    kind: str,
    scope: str,
    rule: str,
    user: User | None = None,
    device: str = "",
    phone: str = "",
    device_digest: bytes | None = None,
    expires_at: datetime | None = None,
    evidence: dict[str, Any] | None = None,
) -> Sanction:
    """Mute or ban a person, a device (itself or its digest) or a phone, with its audit row; a ban also ends her sockets in every process.

    A ban of a person binds to her phone and last device as well, so that a new name does not help. Joins the caller's
    transaction when there is one. Raises Refused(FORBIDDEN) for oneself or an operator, Refused(INVALID) for no target.
    """
    device_digest = identity.digest(IdentityKind.DEVICE, device) if device else device_digest
    _check_target(actor, user, device_digest, phone, expires_at)
    with transaction.atomic():
        sanction = Sanction.objects.create(
            kind=kind,
            scope=scope,
            user=user,
            phone_digest=_phone_digest(kind, user, phone),
            device_digest=device_digest or _last_device(kind, user),
            rule=rule,
            evidence=evidence or {},
            actor=actor,
            expires_at=expires_at,
        )
        audit.record_in_tx(actor=actor, action=f"sanction.{kind}", subject=_subject(sanction), after=_as_facts(sanction), reason=rule)
        if kind == SanctionKind.BAN:
            _end_presence_in_tx(sanction, device, phone)
    return sanction


def lift(*, sanction: Sanction, actor: User, reason: str) -> Sanction:
    """End a sanction before its time. Lifting a lifted one changes nothing. Joins the caller's transaction when there is one."""
    with transaction.atomic():
        lifted = Sanction.objects.filter(pk=sanction.pk, lifted_at=None).update(lifted_at=now(), lifted_by=actor)
        sanction.refresh_from_db()
        if lifted:
            audit.record_in_tx(
                actor=actor, action=f"sanction.lift_{sanction.kind}", subject=_subject(sanction), before=_as_facts(sanction), reason=reason
            )
    return sanction


def active(*, kind: str, scope: str, user: User | None = None, device: str = "") -> Sanction | None:
    """The sanction of this kind in force for the person or device, if any; a platform one counts in every room."""
    return next((sanction for sanction in active_all(scope=scope, user=user, device=device) if sanction.kind == kind), None)


def active_all(*, scope: str, user: User | None = None, device: str = "") -> list[Sanction]:
    """All sanctions in force in this scope, the longest first; one query."""
    who = Q()
    if user is not None:
        who |= Q(user=user)
        if user.phone:
            who |= Q(phone_digest=identity.digest(IdentityKind.PHONE, user.phone))
    if device:
        who |= Q(device_digest=identity.digest(IdentityKind.DEVICE, device))
    if not who:
        return []
    moment = now()
    in_force = Sanction.objects.filter(who, Q(expires_at=None) | Q(expires_at__gt=moment), scope__in={PLATFORM, scope})
    return list(in_force.filter(lifted_at=None, starts_at__lte=moment).order_by(F("expires_at").desc(nulls_first=True)))


def _check_target(actor: User, user: User | None, device: bytes | None, phone: str, expires_at: datetime | None) -> None:
    if user is None and not device and not phone:
        raise Refused(Code.INVALID, why=_("Name a person, a phone or a device"))
    if expires_at is not None and expires_at <= now():
        raise Refused(Code.INVALID, why=_("The end must be in the future"))
    if user is not None and (user == actor or (user.is_staff and not (actor.is_superuser and not user.is_superuser))):
        raise Refused(Code.FORBIDDEN, why=_("You cannot do this to someone of your rank or above"))


def _phone_digest(kind: str, user: User | None, phone: str) -> bytes | None:
    phone = phone or (user.phone or "" if user is not None and kind == SanctionKind.BAN else "")
    return identity.digest(IdentityKind.PHONE, phone) if phone else None


def _last_device(kind: str, user: User | None) -> bytes | None:
    return identity.last_device(user) if user is not None and kind == SanctionKind.BAN else None


def _end_presence_in_tx(sanction: Sanction, device: str, phone: str) -> None:
    """End her sockets and those of a guest on her device; a phone alone stands for whoever has it, a device alone for all who sit at it."""
    if sanction.user is not None and sanction.scope == PLATFORM:
        User.objects.filter(pk=sanction.user.pk).update(session_epoch=F("session_epoch") + 1)
    user = sanction.user
    if user is None and sanction.phone_digest and phone:
        user = User.objects.filter(phone=phone).first()
    bus.notify_in_tx("kill", {"user": user.public_id if user else None, "device": device or None, **_seat(sanction), "reason": "banned"})


def _seat(ban: Sanction) -> dict[str, Any]:
    """Where the notice of a ban reaches: its scope, and whom of those on its device."""
    device = ban.device_digest.hex() if ban.device_digest else None
    return {"guest" if ban.user else "anybody": device, "scope": ban.scope}


def send_away_in_tx(*, reason: str, user: str, scope: str = PLATFORM, device: str = "") -> None:
    """End this person's sockets in every process and void her tickets: in `scope`, and with `device` only those of that device.

    Kept until no ticket is left that it could void, for processes that did not hear it.
    """
    who = {"login": f"{user}@{device}"} if device else {"user": user}
    notice = {"user": None, "device": None, **who, "scope": scope, "reason": reason}
    old = Farewell.objects.filter(at__lt=now() - timedelta(seconds=2 * settings.JOIN_TICKET_TTL_S))
    Farewell.objects.filter(pk__in=list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:100])).delete()
    Farewell.objects.create(at=now(), notice=notice)
    bus.notify_in_tx("kill", notice)


def sent_away_since(moment: datetime) -> list[dict[str, Any]]:
    """The "kill" notices of bans and farewells after `moment`, each with its time `at` (s): for a process that did not hear them."""
    bans = Sanction.objects.filter(kind=SanctionKind.BAN, lifted_at=None, starts_at__gt=moment).select_related("user")
    farewells = Farewell.objects.filter(at__gt=moment).order_by("at")
    return [_notice_of(ban) for ban in bans] + [row.notice | {"at": row.at.timestamp()} for row in farewells]


def _notice_of(ban: Sanction) -> dict[str, Any]:
    user = ban.user
    if user is None and ban.phone_digest:
        user = User.objects.filter(identity_keys__kind=IdentityKind.PHONE, identity_keys__digest=ban.phone_digest).first()
    return {"user": user.public_id if user else None, **_seat(ban), "reason": "banned", "at": ban.starts_at.timestamp()}


def _subject(sanction: Sanction) -> str:
    return f"user:{sanction.user.public_id}" if sanction.user else f"sanction:{sanction.public_id}"


def _as_facts(sanction: Sanction) -> dict[str, Any]:
    ends = sanction.expires_at
    return {"sanction": sanction.public_id, "scope": sanction.scope, "rule": sanction.rule, "until": ends.isoformat() if ends else None}
