from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase

from accounts.models import User
from rooms import follows
from rooms.models import Follow, FollowChange, Room, Show
from tests import cast


class TestLedger(TransactionTestCase):
    def setUp(self) -> None:
        self.room = cast.make_room(cast.make_user("阿霞", is_anchor=True))
        self.people: list[User] = [cast.make_user() for _ in range(3)]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12))
    def test_opening_plus_gained_less_lost_is_closing(self, steps: list[tuple[int, bool]]) -> None:
        opening = Follow.objects.filter(room=self.room).count()
        seen = FollowChange.objects.count()
        for who, is_follow in steps:
            act = follows.follow if is_follow else follows.unfollow
            act(room=self.room, user=self.people[who])
        changes = list(FollowChange.objects.order_by("pk").values_list("change", flat=True))[seen:]
        gained, lost = changes.count(1), changes.count(-1)
        closing = Follow.objects.filter(room=self.room).count()
        assert opening + gained - lost == closing
        room, show = Room.objects.get(), Show.objects.get()
        assert (room.follower_count, show.follower_gain) == (closing, closing)
