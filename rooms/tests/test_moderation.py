from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.access import MODERATOR_POWERS
from accounts.models import AuditEntry, Sanction, User
from liveshop.refusals import Code, Refused
from rooms import moderation
from rooms.models import ChatLine, ChatState, ModeratorGrant, Room, RoomEvent, RoomWord
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def moderator(room: Room) -> User:
    user = cast.make_user("场控小周")
    ModeratorGrant.objects.create(room=room, user=user, powers=["mute", "ban", "delete_chat", "room_modes"], granted_by=room.anchor)
    return user


@pytest.fixture
def rude(room: Room, viewer: User) -> ChatLine:
    return ChatLine.objects.create(room=room, user=viewer, text="加我私下便宜")


def refused(code: Code, act) -> None:
    with pytest.raises(Refused) as refusal:
        act()
    assert refusal.value.code == code


def kinds(room: Room) -> list[str]:
    return list(RoomEvent.objects.filter(room=room).order_by("seq").values_list("kind", flat=True))


class TestLines:
    def test_deleted_and_taken_back_by_the_same_hand(self, room: Room, moderator: User, rude: ChatLine) -> None:
        moderation.delete_line(room=room, line=rude, by=moderator)
        assert ChatLine.objects.get().state == ChatState.DELETED
        refused(Code.ENDED, lambda: moderation.restore_line(room=room, line=rude, by=room.anchor))
        moderation.restore_line(room=room, line=rude, by=moderator)
        assert ChatLine.objects.get().state == ChatState.SHOWN
        assert AuditEntry.objects.filter(action="chat_deleted", before__text="加我私下便宜").exists()

    def test_a_held_line_is_decided_once(self, room: Room, moderator: User, rude: ChatLine) -> None:
        ChatLine.objects.update(state=ChatState.HELD)
        moderation.approve_line(room=room, line=rude, by=moderator)
        with pytest.raises(Refused) as refusal:
            moderation.approve_line(room=room, line=rude, by=room.anchor)
        assert refusal.value.facts == {"by": "场控小周"}

    def test_the_owners_line_stays(self, room: Room, moderator: User) -> None:
        line = ChatLine.objects.create(room=room, user=room.anchor, text="欢迎")
        refused(Code.FORBIDDEN, lambda: moderation.delete_line(room=room, line=line, by=moderator))
        assert ChatLine.objects.get().state == ChatState.SHOWN

    def test_another_rooms_line_is_not_touched(self, room: Room, moderator: User, viewer: User) -> None:
        line = ChatLine.objects.create(room=cast.make_room(), user=viewer, text="你好")
        moderation.delete_line(room=room, line=line, by=moderator)
        assert ChatLine.objects.get().state == ChatState.SHOWN


class TestSanctions:
    def test_a_mute_keeps_rule_end_and_evidence(self, room: Room, moderator: User, rude: ChatLine) -> None:
        sanction = moderation.mute(room=room, user=rude.user, by=moderator, minutes=5, rule="导流", line=rude)
        assert sanction.evidence["text"] == "加我私下便宜"
        assert timedelta(minutes=4) < sanction.expires_at - timezone.now() <= timedelta(minutes=5)
        assert kinds(room) == ["person_muted"]

    def test_two_moderators_give_one_mute(self, room: Room, moderator: User, viewer: User) -> None:
        first = moderation.mute(room=room, user=viewer, by=moderator, minutes=5, rule="刷屏")
        assert moderation.mute(room=room, user=viewer, by=room.anchor, minutes=60, rule="刷屏") == first
        assert Sanction.objects.count() == 1

    @pytest.mark.parametrize("whom", ["anchor", "operator", "self", "peer"])
    def test_rank_protects(self, whom: str, room: Room, moderator: User, operator: User) -> None:
        peer = cast.make_user("场控小李")
        ModeratorGrant.objects.create(room=room, user=peer, powers=["mute"], granted_by=room.anchor)
        target = {"anchor": room.anchor, "operator": operator, "self": moderator, "peer": peer}[whom]
        refused(Code.FORBIDDEN, lambda: moderation.mute(room=room, user=target, by=moderator, minutes=5, rule="x"))
        refused(Code.FORBIDDEN, lambda: moderation.ban(room=room, user=target, by=moderator, rule="x"))
        assert (Sanction.objects.count(), kinds(room)) == (0, [])

    def test_the_anchor_may_ban_her_moderator(self, room: Room, moderator: User) -> None:
        assert moderation.ban(room=room, user=moderator, by=room.anchor, rule="泄露").user == moderator

    @pytest.mark.parametrize(("minutes", "rule"), [(0, "刷屏"), (-5, "刷屏"), (10**6, "刷屏"), (5, "  ")])
    def test_a_mute_needs_a_time_and_a_rule(self, room: Room, viewer: User, minutes: int, rule: str) -> None:
        refused(Code.INVALID, lambda: moderation.mute(room=room, user=viewer, by=room.anchor, minutes=minutes, rule=rule))
        assert not Sanction.objects.exists()

    def test_lifted_in_its_own_room_only(self, room: Room, viewer: User) -> None:
        sanction = moderation.mute(room=room, user=viewer, by=room.anchor, minutes=5, rule="刷屏")
        other = cast.make_room()
        refused(Code.NOT_FOUND, lambda: moderation.unmute(room=other, sanction=sanction, by=other.anchor))
        moderation.unmute(room=room, sanction=sanction, by=room.anchor)
        assert moderation.in_force(room) == []


class TestModes:
    def test_given_modes_change_and_the_others_stay(self, room: Room, moderator: User) -> None:
        moderation.set_modes(room=room, by=moderator, slow_mode_s=10)
        fresh = moderation.set_modes(room=room, by=moderator, followers_only=True)
        assert (fresh.slow_mode_s, fresh.followers_only, fresh.hold_for_approval) == (10, True, False)
        moderation.set_modes(room=room, by=moderator, slow_mode_s=10)
        assert kinds(room) == ["modes_changed", "modes_changed"]

    def test_an_unknown_slow_mode_is_refused(self, room: Room) -> None:
        refused(Code.INVALID, lambda: moderation.set_modes(room=room, by=room.anchor, slow_mode_s=7))
        assert Room.objects.get().slow_mode_s == 0

    def test_words_come_and_go(self, room: Room) -> None:
        moderation.add_word(room=room, word=" 加 微信 ", by=room.anchor)
        moderation.add_word(room=room, word="加 微信", by=room.anchor, action="refuse")
        assert list(RoomWord.objects.values_list("word", "action")) == [("加 微信", "refuse")]
        moderation.remove_word(room=room, word="加 微信", by=room.anchor)
        moderation.remove_word(room=room, word="加 微信", by=room.anchor)
        assert kinds(room) == ["words_changed"] * 3


class TestModerators:
    def test_exactly_the_granted_powers_until_then(self, room: Room, viewer: User) -> None:
        moderation.grant_moderator(room=room, user=viewer, powers=["pin"], by=room.anchor, expires_at=timezone.now() + timedelta(hours=1))
        assert room.granted_powers(viewer.pk) == {"pin"}
        ModeratorGrant.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert room.granted_powers(viewer.pk) == frozenset()

    @pytest.mark.parametrize("powers", [[], ["go_live"], ["pin", "cut_show"], ["grant_moderator"], ["nonsense"]])
    def test_no_more_than_an_anchor_may_give(self, room: Room, viewer: User, powers: list[str]) -> None:
        refused(Code.INVALID, lambda: moderation.grant_moderator(room=room, user=viewer, powers=powers, by=room.anchor))
        assert not ModeratorGrant.objects.exists()

    def test_a_moderator_makes_no_moderators(self, room: Room, moderator: User, viewer: User) -> None:
        refused(Code.FORBIDDEN, lambda: moderation.grant_moderator(room=room, user=viewer, powers=["pin"], by=moderator))
        refused(Code.FORBIDDEN, lambda: moderation.revoke_moderator(room=room, user=viewer, by=moderator))
        assert ModeratorGrant.objects.count() == 1

    def test_revoked_at_once_and_only_once(self, room: Room, moderator: User) -> None:
        moderation.revoke_moderator(room=room, user=moderator, by=room.anchor)
        assert room.granted_powers(moderator.pk) == frozenset()
        refused(Code.NOT_FOUND, lambda: moderation.revoke_moderator(room=room, user=moderator, by=room.anchor))

    def test_a_moderator_may_resign(self, room: Room, moderator: User) -> None:
        moderation.revoke_moderator(room=room, user=moderator, by=moderator)
        assert not ModeratorGrant.objects.exists()


class TestOutsiders:
    def test_nobody_else_moderates(self, room: Room, rude: ChatLine, other_anchor: User) -> None:
        by, user = other_anchor, rude.user
        for act in (
            lambda: moderation.delete_line(room=room, line=rude, by=by),
            lambda: moderation.approve_line(room=room, line=rude, by=by),
            lambda: moderation.restore_line(room=room, line=rude, by=by),
            lambda: moderation.mute(room=room, user=user, by=by, minutes=5, rule="x"),
            lambda: moderation.ban(room=room, user=user, by=by, rule="x"),
            lambda: moderation.set_modes(room=room, by=by, slow_mode_s=3),
            lambda: moderation.add_word(room=room, word="x", by=by),
            lambda: moderation.remove_word(room=room, word="x", by=by),
            lambda: moderation.grant_moderator(room=room, user=user, powers=MODERATOR_POWERS, by=by),
            lambda: moderation.revoke_moderator(room=room, user=user, by=by),
        ):
            refused(Code.FORBIDDEN, act)
        assert (Sanction.objects.count(), kinds(room), ChatLine.objects.get().state) == (0, [], ChatState.SHOWN)


def test_a_muted_moderator_does_not_lift_her_own_mute(room: Room, moderator: User) -> None:
    sanction = moderation.mute(room=room, user=moderator, by=room.anchor, minutes=5, rule="刷屏")
    refused(Code.FORBIDDEN, lambda: moderation.unmute(room=room, sanction=sanction, by=moderator))
    sanction.refresh_from_db()
    assert sanction.lifted_at is None
    moderation.unmute(room=room, sanction=sanction, by=room.anchor)
