"""Chat: saying, reading, noticing. Every refusal has its code; a line said twice with one key is one line."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation

from accounts import access
from accounts.access import Power, Rank
from accounts.models import User
from catalog import words
from liveshop.refusals import Code, Refused
from rooms import follows, wordlist
from rooms.models import ChatKind, ChatLine, ChatState, Room, Show, ShowState
from rooms.realtime import posting

MAX_CHARS = 100
HISTORY = 50
HELD_SHOWN = 50


def say(*, room: Room, user: User, key: UUID, text: str, device: str = "") -> ChatLine:
    """Say a line. A repeated key returns the first line.

    Raises Refused: LOGIN_REQUIRED, BANNED, MUTED, ENDED (room banned), FOLLOW_REQUIRED, RATE_LIMITED, WORD_REFUSED, INVALID.
    """
    access.require(user, Power.CHAT, room, device=device)
    fresh = Room.objects.get(pk=room.pk)
    if known := ChatLine.objects.filter(room=room, user=user, key=key).first():
        return known
    text = " ".join(text.split())
    if not text or len(text) > MAX_CHARS:
        raise Refused(Code.INVALID, why=f"1–{MAX_CHARS}")
    is_staff = access.rank(user, room) >= Rank.MODERATOR
    state, hit = _judge(fresh, user, text, is_staff)
    with transaction.atomic(durable=True):
        wait_s = settings.CHAT_INTERVAL_S if is_staff else max(settings.CHAT_INTERVAL_S, fresh.slow_mode_s)
        if known := _said_in_tx(room, user, key):
            return known
        _take_turn_in_tx(room, user, wait_s)
        show = Show.objects.filter(room=room, state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).first()
        line = ChatLine.objects.create(room=room, show=show, user=user, key=key, text=text, state=state, hit_word=hit[:40])
    _tell(line)
    return line


def post_notice(*, room: Room, text: str) -> ChatLine:
    """A line without author, such as an order's good news."""
    show = Show.objects.filter(room=room, state__in=[ShowState.LIVE, ShowState.INTERRUPTED]).first()
    line = ChatLine.objects.create(room=room, show=show, kind=ChatKind.NOTICE, user=None, text=text[:200])
    _tell(line)
    return line


def recent(room: "Room | int", limit: int = HISTORY, before: str = "") -> list[ChatLine]:
    """The last shown lines, oldest first; `before` is the public id of a line to page back from."""
    lines = shown(room)
    if before:
        lines = lines.filter(pk__lt=ChatLine.objects.filter(public_id=before).values("pk"))
    return list(reversed(lines.order_by("-pk")[:limit]))


def deleted(room_id: int, among: int) -> list[str]:
    """The public ids of those of the room's latest `among` lines that were taken away."""
    latest = ChatLine.objects.filter(room_id=room_id).order_by("-pk").values("pk")[:among]
    return list(ChatLine.objects.filter(pk__in=latest, state=ChatState.DELETED).values_list("public_id", flat=True))


def as_news(line: ChatLine) -> dict[str, Any]:
    """A line as the socket carries it: the same partial that draws the page, without viewer or request."""
    return {"id": line.public_id, "html": render_to_string("rooms/_chat_line.html", {"line": line}), "key": str(line.key or "")}


def shown(room: "Room | int") -> "QuerySet[ChatLine]":
    """The lines everybody may read, with what their partial needs."""
    room_id = room.pk if isinstance(room, Room) else room
    return ChatLine.objects.filter(room_id=room_id, state=ChatState.SHOWN).select_related("user", "room")


def _judge(room: Room, user: User, text: str, is_staff: bool) -> tuple[ChatState, str]:
    """Shown or held, and the word that was hit. Raises Refused."""
    if room.is_banned:
        raise Refused(Code.ENDED)
    if is_staff:
        # What the anchor's side says sells: the advertising law applies to it.
        word = words.banned_in(text)
        if word:
            raise Refused(Code.WORD_REFUSED, word=word)
        return ChatState.SHOWN, ""
    if room.followers_only and not follows.is_following(room.pk, user.pk):
        raise Refused(Code.FOLLOW_REQUIRED)
    hit = wordlist.hit(room.pk, text)
    if hit and hit.action == "refuse":
        raise Refused(Code.WORD_REFUSED, word=hit.word)
    if hit:
        return ChatState.HELD, hit.word
    return (ChatState.HELD, "") if room.hold_for_approval else (ChatState.SHOWN, "")


def _said_in_tx(room: Room, user: User, key: UUID) -> ChatLine | None:
    """The line `key` made, if any. From here to the commit the person speaks alone, also over two processes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"chat:{user.pk}"])
    return ChatLine.objects.filter(room=room, user=user, key=key).first()


def _take_turn_in_tx(room: Room, user: User, wait_s: float) -> None:
    """One line per `wait_s` and person. Raises Refused(RATE_LIMITED)."""
    last = ChatLine.objects.filter(user=user, room=room).order_by("-pk").values_list("at", flat=True).first()
    if last is not None and (left := wait_s - (timezone.now() - last).total_seconds()) > 0:
        raise Refused(Code.RATE_LIMITED, wait_s=max(1, round(left)))


def _tell(line: ChatLine) -> None:
    if line.state == ChatState.SHOWN:
        posting.publish(line.room_id, chat=[as_news(line)])
    elif line.state == ChatState.HELD:
        posting.publish_staff(line.room_id, {"held": [_as_held(line)]})


def held(room_id: int, language: str) -> list[dict[str, str]]:
    """The newest lines that wait for approval, oldest first, as operators' pages take them."""
    with translation.override(language):
        return [_as_held(line) for line in held_lines(room_id)]


def held_lines(room_id: int) -> list[ChatLine]:
    """The newest lines that wait for approval, oldest first."""
    waiting = ChatLine.objects.filter(room_id=room_id, state=ChatState.HELD).select_related("user", "room")
    return list(waiting.order_by("-pk")[:HELD_SHOWN])[::-1]


def _as_held(line: ChatLine) -> dict[str, str]:
    return {"id": line.public_id, "html": render_to_string("rooms/_held_line.html", {"line": line})}
