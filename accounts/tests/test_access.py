from dataclasses import dataclass

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from pytest_django import DjangoAssertNumQueries

from accounts import access, sanctions
from accounts.access import Power, Rank, may, require, require_above
from accounts.models import OperatorScope, User
from catalog.models import Shop
from liveshop.refusals import Code, Refused
from rooms.models import ModeratorGrant, Room
from tests import cast

pytestmark = pytest.mark.django_db

WATCHING = {Power.WATCH}
TALKING = WATCHING | {Power.CHAT, Power.LIKE, Power.FOLLOW}
VIEWING = TALKING | {Power.CLAIM, Power.BUY}
OWN_ROOM = (TALKING | access.ANCHOR_POWERS | {Power.BUY}) - {Power.CLAIM}
GRANTED = {Power.PIN, Power.MUTE, Power.BAN}

# role → what she may do in the anchor's room; everything not named is refused.
IN_A_ROOM = {
    "guest": WATCHING,
    "viewer": VIEWING,
    "fan": VIEWING,
    "moderator without powers": VIEWING,
    "moderator with powers": VIEWING | GRANTED,
    "moderator whose grant ran out": VIEWING,
    "moderator of another room": VIEWING,
    "anchor of this room": OWN_ROOM,
    "anchor of another room": VIEWING,
    "merchant": VIEWING,
    "operator of no group": TALKING,
    "operator 营销": TALKING | {Power.FREEZE_DEAL},
    "operator 治理": TALKING | {Power.MUTE, Power.BAN, Power.DELETE_CHAT, Power.FREEZE_DEAL, Power.CUT_SHOW},
    "operator 财务": TALKING | {Power.SEE_EARNINGS},
    "operator 客服": TALKING | {Power.MUTE, Power.DELETE_CHAT},
    "operator 数据": TALKING | {Power.SEE_EARNINGS},
    "superuser": TALKING | access.OPERATOR_POWERS,
    "closed account": WATCHING,
}
MERCHANT = {Power.STOCK, Power.MANAGE_SHOP, Power.MANAGE_PLAN, Power.SEE_EARNINGS}
IN_A_SHOP = {
    "guest": WATCHING,
    "viewer": VIEWING,
    "anchor of this room": VIEWING,
    "merchant": TALKING | MERCHANT,
    "merchant of another shop": VIEWING,
    "moderator with powers": VIEWING,
    "operator 财务": TALKING | {Power.SEE_EARNINGS},
    "superuser": TALKING | access.OPERATOR_POWERS,
}
ANYWHERE = {
    "guest": WATCHING,
    "viewer": VIEWING | {Power.SEE_EARNINGS},
    "anchor of this room": VIEWING | {Power.SEE_EARNINGS, Power.GO_LIVE},
    "operator 治理": TALKING | {Power.MUTE, Power.BAN, Power.DELETE_CHAT, Power.FREEZE_DEAL, Power.CUT_SHOW, Power.SEE_EARNINGS},
}
GROUPS = {  # as the data migration makes them; a flushed test database has them no more
    "营销": ["freeze_deal"],
    "治理": ["mute", "ban", "delete_chat", "freeze_deal", "cut_show"],
    "财务": ["see_earnings"],
    "客服": ["mute", "delete_chat"],
    "数据": ["see_earnings"],
}


@dataclass
class World:
    room: Room
    shop: Shop

    def person(self, role: str) -> User | AnonymousUser:
        if role == "guest":
            return AnonymousUser()
        if role == "anchor of this room":
            return self.room.anchor
        if role == "merchant":
            return self.shop.owner
        if role == "anchor of another room":
            return cast.make_room().anchor
        if role == "merchant of another shop":
            return cast.make_shop().owner
        if role == "superuser":
            return cast.make_user(is_staff=True, is_superuser=True)
        if role == "closed account":
            return cast.make_user(is_active=False)
        if role.startswith("operator"):
            return operator_of(role.removeprefix("operator ").removeprefix("of no group"))
        user = cast.make_user()
        if role.startswith("moderator"):
            self.grant(role, user)
        return user

    def grant(self, role: str, user: User) -> None:
        from datetime import timedelta

        from django.utils import timezone

        room = cast.make_room() if "another" in role else self.room
        expires = timezone.now() - timedelta(minutes=1) if "ran out" in role else None
        powers = [] if "without" in role else [*GRANTED, Power.GRANT_MODERATOR, Power.MANAGE_SHOP]  # the last two can never be granted
        ModeratorGrant.objects.create(room=room, user=user, powers=powers, granted_by=room.anchor, expires_at=expires)


def operator_of(name: str) -> User:
    user = cast.make_user(is_staff=True)
    if name:
        group, _ = Group.objects.get_or_create(name=name)
        OperatorScope.objects.get_or_create(group=group, defaults={"powers": GROUPS[name]})
        user.groups.add(group)
    return user


@pytest.fixture
def world(room: Room) -> World:
    return World(room, cast.make_shop())


class TestTheTable:
    @pytest.mark.parametrize("role", IN_A_ROOM)
    def test_in_a_room(self, world: World, role: str) -> None:
        person = world.person(role)
        assert {power for power in Power if may(person, power, world.room)} == IN_A_ROOM[role]

    @pytest.mark.parametrize("role", IN_A_SHOP)
    def test_in_a_shop(self, world: World, role: str) -> None:
        person = world.person(role)
        assert {power for power in Power if may(person, power, world.shop)} == IN_A_SHOP[role]

    @pytest.mark.parametrize("role", ANYWHERE)
    def test_nowhere_in_particular(self, world: World, role: str) -> None:
        person = world.person(role)
        assert {power for power in Power if may(person, power)} == ANYWHERE[role]

    def test_a_former_operator_keeps_nothing_of_her_groups(self, world: World) -> None:
        former = operator_of("治理")
        former.is_staff = False
        former.save()
        assert not may(User.objects.get(pk=former.pk), Power.CUT_SHOW, world.room)


class TestRefusals:
    def test_a_guest_is_asked_to_sign_in(self, room: Room) -> None:
        with pytest.raises(Refused) as refused:
            require(AnonymousUser(), Power.CHAT, room)
        assert refused.value.code is Code.LOGIN_REQUIRED

    def test_a_stranger_is_forbidden(self, room: Room, viewer: User) -> None:
        with pytest.raises(Refused) as refused:
            require(viewer, Power.PIN, room)
        assert refused.value.code is Code.FORBIDDEN
        assert refused.value.facts["why"]

    @pytest.mark.parametrize(
        ("kind", "scope", "power", "code"),
        [
            ("mute", "here", Power.CHAT, Code.MUTED),
            ("mute", "here", Power.BUY, None),
            ("mute", "here", Power.LIKE, None),
            ("mute", "platform", Power.CHAT, Code.MUTED),
            ("mute", "room:elsewhere", Power.CHAT, None),
            ("ban", "here", Power.WATCH, Code.BANNED),
            ("ban", "here", Power.CHAT, Code.BANNED),
            ("ban", "here", Power.CLAIM, Code.BANNED),
            ("ban", "platform", Power.BUY, Code.BANNED),
            ("ban", "room:elsewhere", Power.CHAT, None),
        ],
    )
    def test_sanctions_stand_in_the_way(
        self, room: Room, viewer: User, operator: User, kind: str, scope: str, power: Power, code: Code | None
    ) -> None:
        where = f"room:{room.public_id}" if scope == "here" else scope
        sanctions.impose(actor=operator, kind=kind, scope=where, rule="刷屏", user=viewer)
        if code is None:
            assert may(viewer, power, room)
            return
        with pytest.raises(Refused) as refused:
            require(viewer, power, room)
        assert refused.value.code is code
        assert refused.value.facts["rule"] == "刷屏"
        assert operator.nickname not in str(refused.value.facts)

    def test_a_banned_device_stops_a_new_name_and_a_guest_but_not_the_owner(self, room: Room, viewer: User, operator: User) -> None:
        sanctions.impose(actor=operator, kind="ban", scope=f"room:{room.public_id}", rule="引流", user=viewer, device="phone-1")
        assert not may(cast.make_user(), Power.CHAT, room, device="phone-1")
        assert not may(AnonymousUser(), Power.WATCH, room, device="phone-1")
        assert may(cast.make_user(), Power.CHAT, room, device="phone-2")
        assert may(room.anchor, Power.PIN, room, device="phone-1")


class TestRank:
    def test_nobody_acts_on_her_own_rank_or_above(self, world: World) -> None:
        moderator, other = world.person("moderator with powers"), world.person("moderator with powers")
        ladder = [world.person("viewer"), moderator, world.room.anchor, world.person("operator 治理"), world.person("superuser")]
        assert [access.rank(person, world.room) for person in ladder] == [
            Rank.VIEWER,
            Rank.MODERATOR,
            Rank.OWNER,
            Rank.OPERATOR,
            Rank.SUPERUSER,
        ]
        for lower, person in enumerate(ladder):
            for higher, target in enumerate(ladder):
                if lower > higher:
                    require_above(person, target, world.room)
                else:
                    with pytest.raises(Refused):
                        require_above(person, target, world.room)
        with pytest.raises(Refused):
            require_above(moderator, other, world.room)


class TestCost:
    def test_an_answer_takes_few_queries(self, world: World, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
        viewer, operator = world.person("viewer"), world.person("operator 治理")
        with django_assert_max_num_queries(2):
            may(viewer, Power.CHAT, world.room, device="d")
        with django_assert_max_num_queries(2):
            may(operator, Power.CUT_SHOW, world.room)
        with django_assert_max_num_queries(1):
            may(operator, Power.MUTE, world.room)
