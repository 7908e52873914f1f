"""What happens to a person's own account: sign-up, new name, picture, language, first purchase, logging out everywhere."""

import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from accounts import audit, identity, nicknames, sanctions
from accounts.models import IdentityKind, User
from liveshop.clock import now
from liveshop.ids import public_id
from liveshop.refusals import Code, Refused

UNFINISHED_FOR = timedelta(days=1)


def sign_up(*, nickname: str, phone: str | None = None, password: str | None = None, device: str = "") -> User:
    """A new person. Raises Refused(INVALID) for a nickname or phone that is taken or not allowed."""
    user = User(username=new_username())
    name(user, nickname)
    user.phone = phone
    user.set_password(password)
    with transaction.atomic(durable=True):
        _save_new_in_tx(user)
        audit.record_in_tx(actor=user, action="user.sign_up", subject=f"user:{user.public_id}", after={"nickname": user.nickname})
    note_seen(user, device)
    return user


def new_username() -> str:
    """An internal login name; people sign in by phone and are shown by nickname."""
    return f"u{public_id()}{secrets.randbelow(10)}"


def name(user: User, nickname: str, phone: str = "") -> None:
    """Set the nickname and its folded form on an unsaved user. Raises Refused(INVALID)."""
    user.nickname = nicknames.check(nickname)
    user.nickname_folded = nicknames.fold(user.nickname)
    if is_taken(user.nickname, user, phone):
        raise Refused(Code.INVALID, why=_("This nickname is taken"))


def is_taken(nickname: str, by_other_than: User | None = None, phone: str = "") -> bool:
    """Whether somebody (else) has a nickname that looks like this one. An unfinished sign-up of the same phone gives way."""
    holders = User.objects.filter(nickname_folded=nicknames.fold(nickname))
    if phone:
        holders = holders.exclude(pk__in=_unfinished(phone))
    return (holders.exclude(pk=by_other_than.pk) if by_other_than and by_other_than.pk else holders).exists()


def make_way_in_tx(*, nickname: str, phone: str) -> None:
    """Sign-ups of this phone that never entered their code leave the nickname to the one that is beginning.

    They stay as long as their code may still be on its way: whoever types a stranger's number must not end his sign-up.
    """
    _unfinished(phone).filter(date_joined__lt=now() - UNFINISHED_FOR).delete()
    for user in _unfinished(phone).filter(nickname_folded=nicknames.fold(nickname)):
        user.nickname = _("Guest %(number)s") % {"number": user.public_id[:8]}
        user.nickname_folded = nicknames.fold(user.nickname)
        user.save(update_fields=["nickname", "nickname_folded"])


def _unfinished(phone: str) -> QuerySet[User]:
    return User.objects.filter(phone=phone, phone_verified=False, last_login=None, is_demo=False)


def take_phone(*, user: User, phone: str, verified: bool) -> None:
    """Give `user` this phone. Others lose it unless they proved it is theirs. Raises Refused(INVALID) when one did."""
    with transaction.atomic():
        User.objects.filter(phone=phone, phone_verified=False).exclude(pk=user.pk).update(phone=None)
        try:
            with transaction.atomic():
                User.objects.filter(pk=user.pk).update(phone=phone, phone_verified=verified)
                # Open rooms know her by the old number's digest until they ask for a new ticket.
                sanctions.send_away_in_tx(reason="changed", user=user.public_id)
        except IntegrityError as clash:
            raise Refused(Code.INVALID, why=_("This phone number is already registered")) from clash
    user.phone, user.phone_verified = phone, verified


def rename(*, user: User, nickname: str) -> User:
    """Give a person a new nickname, kept in the audit log. Raises Refused(INVALID)."""
    before = user.nickname
    checked = nicknames.check(nickname)
    if checked == before:
        return user
    with transaction.atomic(durable=True):
        name(user, checked)
        audit.record_in_tx(
            actor=user, action="user.rename", subject=f"user:{user.public_id}", before={"nickname": before}, after={"nickname": checked}
        )
        try:
            user.save(update_fields=["nickname", "nickname_folded"])
        except IntegrityError as clash:
            raise Refused(Code.INVALID, why=_("This nickname is taken")) from clash
    return user


def describe(*, user: User, bio: str, avatar: str | None = None) -> User:
    """Set the line about oneself and, when given, the picture."""
    user.bio = nicknames.clean(bio)[:140]
    user.avatar = user.avatar if avatar is None else avatar
    user.save(update_fields=["bio", "avatar"])
    return user


def become_anchor(*, user: User) -> User:
    """Let a person go live; asking twice changes nothing."""
    with transaction.atomic(durable=True):
        changed = User.objects.filter(pk=user.pk, is_anchor=False).update(is_anchor=True)
        if changed:
            audit.record_in_tx(actor=user, action="user.become_anchor", subject=f"user:{user.public_id}")
    user.is_anchor = True
    return user


def set_password(*, user: User, password: str) -> None:
    """A new password ends her sessions, tickets and sockets on every other device; this page comes back by itself."""
    with transaction.atomic():
        user.set_password(password)
        user.save()
        audit.record_in_tx(actor=user, action="user.set_password", subject=f"user:{user.public_id}")
        sanctions.send_away_in_tx(reason="changed", user=user.public_id)


def log_out_everywhere(*, user: User) -> None:
    """End every session, ticket and socket of this person, in every process."""
    with transaction.atomic(durable=True):
        audit.record_in_tx(actor=user, action="user.log_out_everywhere", subject=f"user:{user.public_id}")
        sanctions.send_away_in_tx(reason="logged_out", user=user.public_id)
        User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])


def note_seen(user: User, device: str) -> None:
    """Remember the phone and device a person signed in with, as digests."""
    if user.phone:
        identity.remember(user, IdentityKind.PHONE, user.phone)
    if device:
        identity.remember(user, IdentityKind.DEVICE, device)


def mark_first_paid_in_tx(user_id: int, at: datetime) -> bool:
    """The first paid order ends being a newcomer; later ones change nothing. Raises RuntimeError outside a transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("mark_first_paid_in_tx needs the caller's transaction")
    return User.objects.filter(pk=user_id, first_paid_at=None).update(first_paid_at=at) == 1


def _save_new_in_tx(user: User) -> None:
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as clash:
        taken = _("This nickname is taken") if "nickname" in str(clash) else _("This phone number is already registered")
        raise Refused(Code.INVALID, why=taken) from clash


def log_out(*, user: User, device: str) -> None:
    """End her tickets and sockets on this device, in every process; her other devices and later guests on this one stay."""
    with transaction.atomic():
        sanctions.send_away_in_tx(reason="logged_out", user=user.public_id, device=device)
