"""Keeping a room pleasant: lines, mutes and bans, modes, words, and the moderators (场控) who do it.

Nobody acts on someone of her own rank or above: a moderator never mutes the owner or an operator.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, audit, sanctions
from accounts.models import Sanction, SanctionKind, User
from liveshop import bus
from liveshop.refusals import Code, Refused
from rooms import events, wordlist
from rooms.models import ChatLine, ChatState, ModeratorGrant, Room, RoomWord

SLOW_MODES_S = (0, 3, 10, 30)
MUTE_MINUTES = (5, 30, 60, 1440)


def delete_line(*, room: Room, line: ChatLine, by: User) -> None:
    """Take a line away from everybody's screen; it stays in the record. Deleting a deleted one changes nothing."""
    access.require(by, access.Power.DELETE_CHAT, room)
    if line.user:
        _require_above_or_own(by, line.user, room)
    with transaction.atomic(durable=True):
        if not _decide_in_tx(room, line, by, [ChatState.SHOWN, ChatState.HELD], ChatState.DELETED):
            return
        audit.record_in_tx(actor=by, action="chat_deleted", subject=f"room:{room.public_id}", before=_as_evidence(line))
        bus.notify_in_tx("talk", {"room": room.pk, "gone": [line.public_id]})


def approve_line(*, room: Room, line: ChatLine, by: User) -> None:
    """Show a line that was held. Raises Refused(VERSION_CONFLICT) when somebody decided it already."""
    access.require(by, access.Power.DELETE_CHAT, room)
    with transaction.atomic(durable=True):
        if not _decide_in_tx(room, line, by, [ChatState.HELD], ChatState.SHOWN):
            raise Refused(Code.VERSION_CONFLICT, by=_decider(line))
        audit.record_in_tx(actor=by, action="chat_approved", subject=f"room:{room.public_id}", after=_as_evidence(line))
        bus.notify_in_tx("talk", {"room": room.pk, "shown": [line.public_id]})


def restore_line(*, room: Room, line: ChatLine, by: User) -> None:
    """Undo one's own deletion. Raises Refused(ENDED) when it is not there to undo."""
    access.require(by, access.Power.DELETE_CHAT, room)
    with transaction.atomic(durable=True):
        mine = ChatLine.objects.filter(decided_by=by)
        if not mine.filter(pk=line.pk, room=room, state=ChatState.DELETED).update(state=ChatState.SHOWN):
            raise Refused(Code.ENDED)
        audit.record_in_tx(actor=by, action="chat_restored", subject=f"room:{room.public_id}", after=_as_evidence(line))
        bus.notify_in_tx("talk", {"room": room.pk, "shown": [line.public_id]})


def mute(*, room: Room, user: User, by: User, minutes: int, rule: str, line: ChatLine | None = None) -> Sanction:
    """Nobody reads her lines for some minutes; she may watch and buy. `line` is kept as evidence. Already muted: that mute stays."""
    access.require(by, access.Power.MUTE, room)
    if not 1 <= minutes <= 60 * 24 * 30:
        raise Refused(Code.INVALID, why=_("Choose how long"))
    return _impose(room, user, by, SanctionKind.MUTE, rule, line, timezone.now() + timedelta(minutes=minutes))


def ban(*, room: Room, user: User, by: User, rule: str, line: ChatLine | None = None, expires_at: datetime | None = None) -> Sanction:
    """Out of the room, by person, phone and last device; her sockets end at once. What she bought is not affected."""
    access.require(by, access.Power.BAN, room)
    return _impose(room, user, by, SanctionKind.BAN, rule, line, expires_at)


def unmute(*, room: Room, sanction: Sanction, by: User, reason: str = "") -> Sanction:
    """Lift a mute or ban of this room. Raises Refused(NOT_FOUND) for another room's."""
    power = access.Power.BAN if sanction.kind == SanctionKind.BAN else access.Power.MUTE
    access.require(by, power, room)
    if sanction.scope != _scope(room):
        raise Refused(Code.NOT_FOUND)
    if sanction.user:
        access.require_above(by, sanction.user, room)
    with transaction.atomic(durable=True):
        sanction = sanctions.lift(sanction=sanction, actor=by, reason=reason)
        who = sanction.user.nickname if sanction.user else ""
        events.publish_in_tx(room_id=room.pk, kind="sanction_lifted", panels=[], actor=by, facts={"who": who})
    return sanction


def set_modes(
    *, room: Room, by: User, slow_mode_s: int | None = None, followers_only: bool | None = None, hold_for_approval: bool | None = None
) -> Room:
    """Switch the modes that are given; the others stay. Raises Refused(INVALID) for an unknown slow mode."""
    access.require(by, access.Power.ROOM_MODES, room)
    if slow_mode_s is not None and slow_mode_s not in SLOW_MODES_S:
        raise Refused(Code.INVALID, why=_("Slow mode is off, 3, 10 or 30 seconds"))
    asked = {"slow_mode_s": slow_mode_s, "followers_only": followers_only, "hold_for_approval": hold_for_approval}
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    with transaction.atomic(durable=True):
        fresh = Room.objects.select_for_update(no_key=True, of=("self",)).get(pk=room.pk)
        before = {name: getattr(fresh, name) for name in changes}
        if before == changes:
            return fresh
        Room.objects.filter(pk=room.pk).update(**changes)
        audit.record_in_tx(actor=by, action="modes_changed", subject=f"room:{room.public_id}", before=before, after=changes)
        events.publish_in_tx(room_id=room.pk, kind="modes_changed", panels=[], actor=by, facts=changes)
    fresh.refresh_from_db()
    return fresh


def add_word(*, room: Room, word: str, by: User, action: str = "hold") -> RoomWord:
    """From now on lines with this word are held (or refused). The same word again only changes the action."""
    access.require(by, access.Power.ROOM_MODES, room)
    word = " ".join(word.split())
    if not 1 <= len(word) <= 40 or action not in ("hold", "refuse"):
        raise Refused(Code.INVALID, why=_("A word has 1 to 40 characters"))
    with transaction.atomic(durable=True):
        row, _is_new = RoomWord.objects.update_or_create(room=room, word=word, defaults={"action": action})
        audit.record_in_tx(actor=by, action="word_added", subject=f"room:{room.public_id}", after={"word": word, "action": action})
        events.publish_in_tx(room_id=room.pk, kind="words_changed", panels=[], actor=by, facts={"word": word})
    wordlist.forget(room.pk)
    return row


def remove_word(*, room: Room, word: str, by: User) -> None:
    """Allow the word again. A word that is not listed changes nothing."""
    access.require(by, access.Power.ROOM_MODES, room)
    with transaction.atomic(durable=True):
        if RoomWord.objects.filter(room=room, word=word).delete()[0]:
            audit.record_in_tx(actor=by, action="word_removed", subject=f"room:{room.public_id}", before={"word": word})
            events.publish_in_tx(room_id=room.pk, kind="words_changed", panels=[], actor=by, facts={"word": word})
    wordlist.forget(room.pk)


def grant_moderator(*, room: Room, user: User, powers: Iterable[str], by: User, expires_at: datetime | None = None) -> ModeratorGrant:
    """Let `user` do exactly these things in this room until then; a second grant replaces the first.

    Raises Refused(INVALID) for no power, an unknown one or an end in the past, FORBIDDEN for oneself, the anchor or an operator.
    """
    access.require(by, access.Power.GRANT_MODERATOR, room)
    wanted = sorted({str(power) for power in powers})
    if not wanted or not set(wanted) <= access.MODERATOR_POWERS:
        raise Refused(Code.INVALID, why=_("Choose what the moderator may do"))
    if expires_at is not None and expires_at <= timezone.now():
        raise Refused(Code.INVALID, why=_("The end must be in the future"))
    access.require_above(by, user, room)
    with transaction.atomic(durable=True):
        values = {"powers": wanted, "granted_by": by, "expires_at": expires_at}
        grant, _is_new = ModeratorGrant.objects.update_or_create(room=room, user=user, defaults=values)
        audit.record_in_tx(
            actor=by,
            action="moderator_granted",
            subject=f"room:{room.public_id}",
            after={"user": user.public_id, "powers": wanted, "until": expires_at.isoformat() if expires_at else None},
        )
        events.publish_in_tx(room_id=room.pk, kind="moderators_changed", panels=[], actor=by, facts={"who": user.nickname})
    return grant


def revoke_moderator(*, room: Room, user: User, by: User) -> None:
    """Take the powers back: her open studio closes at once. Raises Refused(NOT_FOUND) when she is no moderator."""
    if by != user:  # a moderator may always resign
        access.require(by, access.Power.GRANT_MODERATOR, room)
    with transaction.atomic(durable=True):
        if not ModeratorGrant.objects.filter(room=room, user=user).delete()[0]:
            raise Refused(Code.NOT_FOUND)
        audit.record_in_tx(actor=by, action="moderator_revoked", subject=f"room:{room.public_id}", before={"user": user.public_id})
        sanctions.send_away_in_tx(reason="revoked", user=user.public_id, scope=f"staff:{room.public_id}")
        events.publish_in_tx(room_id=room.pk, kind="moderators_changed", panels=[], actor=by, facts={"who": user.nickname})


def in_force(room: Room) -> list[Sanction]:
    """Mutes and bans of this room that are not over, the newest first."""
    rows = Sanction.objects.filter(scope=_scope(room), lifted_at=None).exclude(expires_at__lte=timezone.now())
    return list(rows.select_related("user", "actor").order_by("-pk")[:50])


def _impose(room: Room, user: User, by: User, kind: str, rule: str, line: ChatLine | None, until: datetime | None) -> Sanction:
    access.require_above(by, user, room)
    rule = " ".join(rule.split())[:120]
    if not rule:
        raise Refused(Code.INVALID, why=_("Say which rule was broken"))
    if line is not None and (line.room_id != room.pk or line.user_id != user.pk):
        raise Refused(Code.NOT_FOUND)
    with transaction.atomic(durable=True):
        # One row lock a person: two moderators at once give one sanction.
        User.objects.select_for_update(no_key=True, of=("self",)).get(pk=user.pk)
        present = Sanction.objects.filter(scope=_scope(room), user=user, kind=kind, lifted_at=None).exclude(expires_at__lte=timezone.now())
        if standing := present.first():
            return standing
        sanction = sanctions.impose(
            actor=by, kind=kind, scope=_scope(room), rule=rule, user=user, expires_at=until, evidence=_as_evidence(line) if line else None
        )
        kinds = {"mute": "person_muted", "ban": "person_banned"}
        events.publish_in_tx(room_id=room.pk, kind=kinds[kind], panels=[], actor=by, facts={"who": user.nickname})
    return sanction


def _decide_in_tx(room: Room, line: ChatLine, by: User, allowed: list[ChatState], to: ChatState) -> bool:
    lines = ChatLine.objects.filter(pk=line.pk, room=room, state__in=allowed)
    return bool(lines.update(state=to, decided_by=by))


def _decider(line: ChatLine) -> str:
    fresh = ChatLine.objects.select_related("decided_by").get(pk=line.pk)
    return fresh.decided_by.nickname if fresh.decided_by else ""


def _require_above_or_own(by: User, target: User, room: Room) -> None:
    if by != target:
        access.require_above(by, target, room)


def _as_evidence(line: ChatLine) -> dict[str, Any]:
    return {"line": line.public_id, "text": line.text, "at": line.at.isoformat(), "by": line.user.public_id if line.user else None}


def _scope(room: Room) -> str:
    return f"room:{room.public_id}"
