import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from liveshop.refusals import Code, Refused
from rooms import follows, moderation
from rooms.models import Follow, FollowChange, Room, Show
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(db: None) -> list[User]:
    return [cast.make_user() for _ in range(3)]


# The examples run one after the other in one database: each opens with what the last one left.
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12))
def test_opening_plus_gained_less_lost_is_closing(room: Room, people: list[User], steps: list[tuple[int, bool]]) -> None:
    opening, seen = Follow.objects.filter(room=room).count(), FollowChange.objects.count()
    for who, is_follow in steps:
        act = follows.follow if is_follow else follows.unfollow
        act(room=room, user=people[who])
    changes = list(FollowChange.objects.order_by("pk").values_list("change", flat=True))[seen:]
    closing = Follow.objects.filter(room=room).count()
    assert opening + changes.count(1) - changes.count(-1) == closing
    assert (Room.objects.get().follower_count, Show.objects.get().follower_gain) == (closing, closing)


def test_following_twice_is_following_once(room: Room, viewer: User) -> None:
    assert [follows.follow(room=room, user=viewer) for _ in range(2)] == [True, False]
    assert (follows.is_following(room.pk, viewer.pk), FollowChange.objects.count()) == (True, 1)


def test_a_banned_person_cannot_follow(room: Room, viewer: User) -> None:
    moderation.ban(room=room, user=viewer, by=room.anchor, rule="导流")
    with pytest.raises(Refused) as refusal:
        follows.follow(room=room, user=viewer)
    assert refusal.value.code == Code.BANNED
    assert not Follow.objects.exists()
