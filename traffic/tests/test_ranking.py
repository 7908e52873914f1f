"""The feed's order, by table and by its promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.ranking import Figures, arrange, heads


def room(slug: str, followers: int, online: int, **more: int) -> Figures:
    return Figures(slug=slug, followers=followers, online=online, **more)


@pytest.mark.parametrize(
    ("rooms", "slugs"),
    [
        ([], []),
        ([room("a", 10, 5)], ["a"]),
        # One head of three: without the share the order is by score alone.
        ([room("small", 1, 30), room("big", 900, 20), room("mid", 5, 10)], ["small", "big", "mid"]),
        # Orders and likes count as the docstring says: 1 + 3·4 = 13 beats 12; 9,000 likes are 9 points.
        ([room("sells", 1, 1, orders=4), room("looks", 2, 12), room("liked", 3, 2, likes=9_000)], ["sells", "looks", "liked"]),
        # The same score: the later start first, then the slug.
        ([room("b", 1, 7), room("a", 1, 7), room("late", 1, 7, started_ms=5)], ["late", "a", "b"]),
    ],
)
def test_order_by_table(rooms: list[Figures], slugs: list[str]) -> None:
    assert [placed.room.slug for placed in arrange(rooms)] == slugs


def test_rising_rooms_get_their_share_and_are_marked() -> None:
    stars = [room(f"star{n}", 10_000 + n, 1000 - n) for n in range(2)]
    rising = [room(f"new{n}", n, 10 - n) for n in range(8)]
    order = arrange(stars + rising)
    assert [(p.room.slug, p.by_share) for p in order[:4]] == [("star0", False), ("star1", False), ("new0", False), ("new1", False)]
    # Twelve rooms have three heads: the third slot is due to a rising room, though star2 has the better score.
    crowd = arrange([*stars, room("star2", 9_999, 999), *rising, room("new8", 9, 1)])
    assert [(p.room.slug, p.by_share) for p in crowd[:5]] == [
        ("star0", False),
        ("star1", False),
        ("new0", True),
        ("star2", False),
        ("new1", False),
    ]


def test_one_room_alone_is_no_head() -> None:
    assert heads([room("a", 10**6, 1)]) == set()


figures = st.builds(
    Figures,
    slug=st.uuids().map(str),
    followers=st.integers(0, 10**7),
    online=st.integers(0, 10**5),
    orders=st.integers(0, 10**4),
    likes=st.integers(0, 10**6),
    started_ms=st.integers(0, 10**6),
)


@given(st.lists(figures, max_size=30, unique_by=lambda figures: figures.slug))
def test_every_room_once_and_the_share_in_every_first_n(rooms: list[Figures]) -> None:
    order = arrange(rooms)
    assert sorted(p.room.slug for p in order) == sorted(r.slug for r in rooms)
    head, rising_left, rising = heads(rooms), len(rooms) - len(heads(rooms)), 0
    for n, placed in enumerate(order, start=1):
        rising += placed.room.slug not in head
        assert rising >= min(rising_left, n * 40 // 100)


@given(st.lists(figures, max_size=20, unique_by=lambda figures: figures.slug), st.randoms())
def test_the_order_does_not_depend_on_the_order_given(rooms: list[Figures], chance) -> None:
    shuffled = list(rooms)
    chance.shuffle(shuffled)
    assert arrange(shuffled) == arrange(rooms)


@given(st.lists(figures, min_size=1, max_size=20, unique_by=lambda figures: figures.slug))
def test_among_equals_the_better_score_is_never_below(rooms: list[Figures]) -> None:
    head = heads(rooms)
    for group in (True, False):
        scores = [p.room.score for p in arrange(rooms) if (p.room.slug in head) is group]
        assert scores == sorted(scores, reverse=True)
