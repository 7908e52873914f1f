"""Who may say what, when, and what becomes of the line. Each refusal leaves no line."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from liveshop.refusals import Code, Refused
from rooms import chat, follows, moderation, wordlist
from rooms.models import ChatLine, ChatState, Room, RoomWord
from tests import cast
from tests.races.test_orders import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def say(room: Room, user: User, text: str = "几号链接", key: uuid.UUID | None = None) -> ChatLine:
    return chat.say(room=room, user=user, key=key or uuid.uuid4(), text=text)


def refusal_of(room: Room, user: User, text: str = "几号链接") -> Refused:
    before = ChatLine.objects.count()
    with pytest.raises(Refused) as refusal:
        say(room, user, text)
    assert ChatLine.objects.count() == before
    return refusal.value


def said_ago(room: Room, user: User, seconds: float) -> None:
    """As if the person's last line were `seconds` old."""
    ChatLine.objects.filter(room=room, user=user).update(at=timezone.now() - timedelta(seconds=seconds))


@pytest.mark.parametrize(("slow_s", "ago_s", "wait_s"), [(0, 0.4, 1), (0, 1.1, 0), (10, 1.1, 9), (10, 10.1, 0), (30, 10, 20)])
def test_slow_mode_asks_to_wait_just_as_long_as_is_left(room: Room, viewer: User, slow_s: int, ago_s: float, wait_s: int) -> None:
    moderation.set_modes(room=room, by=room.anchor, slow_mode_s=slow_s)
    say(room, viewer)
    said_ago(room, viewer, ago_s)
    if wait_s:
        refused = refusal_of(room, viewer)
        assert (refused.code, refused.facts["wait_s"]) == (Code.RATE_LIMITED, wait_s)
    else:
        assert say(room, viewer).state == ChatState.SHOWN


def test_slow_mode_does_not_slow_the_anchor(room: Room) -> None:
    moderation.set_modes(room=room, by=room.anchor, slow_mode_s=30)
    say(room, room.anchor)
    said_ago(room, room.anchor, 1.1)
    assert say(room, room.anchor).state == ChatState.SHOWN


def test_followers_only_lets_followers_and_the_anchor_talk(room: Room, viewer: User) -> None:
    moderation.set_modes(room=room, by=room.anchor, followers_only=True)
    assert refusal_of(room, viewer).code == Code.FOLLOW_REQUIRED
    follows.follow(room=room, user=viewer)
    assert say(room, viewer).state == ChatState.SHOWN
    assert say(room, room.anchor).state == ChatState.SHOWN


def test_held_for_approval_shows_nobody(room: Room, viewer: User) -> None:
    moderation.set_modes(room=room, by=room.anchor, hold_for_approval=True)
    line = say(room, viewer)
    assert line.state == ChatState.HELD
    assert chat.recent(room) == []
    moderation.approve_line(room=room, line=line, by=room.anchor)
    assert chat.recent(room) == [line]


@pytest.mark.parametrize(
    ("action", "text", "code"),
    [("refuse", "加 微-信", Code.WORD_REFUSED), ("hold", "加 微-信", None), ("refuse", "微信可以吗", None)],
)
def test_the_word_list(room: Room, viewer: User, action: str, text: str, code: Code | None) -> None:
    RoomWord.objects.create(room=room, word="加微信", action=action)
    wordlist.forget(room.pk)
    if code:
        assert refusal_of(room, viewer, text).code == code
    else:
        assert say(room, viewer, text).state == (ChatState.HELD if action == "hold" else ChatState.SHOWN)


@pytest.mark.parametrize(("text", "code"), [("", Code.INVALID), ("   ", Code.INVALID), ("好" * 101, Code.INVALID)])
def test_empty_or_long_lines(room: Room, viewer: User, text: str, code: Code) -> None:
    assert refusal_of(room, viewer, text).code == code


def test_a_banned_room_is_silent(room: Room, viewer: User) -> None:
    Room.objects.update(is_banned=True)
    assert refusal_of(room, viewer).code == Code.ENDED


@pytest.mark.race
def test_one_key_sent_many_times_at_once_is_one_line_for_all(room: Room, viewer: User) -> None:
    key = uuid.uuid4()
    lines: list[Any] = at_once(*[lambda: say(room, viewer, key=key)] * 8)
    assert {getattr(line, "public_id", line) for line in lines} == {ChatLine.objects.get().public_id}


@pytest.mark.race
def test_many_lines_at_once_are_one(room: Room) -> None:
    person = cast.make_user()
    lines: list[Any] = at_once(*[lambda: say(room, person)] * 8)
    assert [line.code for line in lines if isinstance(line, Refused)] == [Code.RATE_LIMITED] * 7
    assert ChatLine.objects.count() == 1
