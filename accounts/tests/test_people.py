from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from accounts import identity, people, phones
from accounts.models import IdentityKey, User
from liveshop.refusals import Code, Refused
from tests import cast


class TestPhones:
    @pytest.mark.parametrize(
        ("typed", "stored"),
        [
            ("13800000000", "+8613800000000"), ("138 0000-0000", "+8613800000000"), ("+86 138 0000 0000", "+8613800000000"),
            ("8613800000000", "+8613800000000"), ("００86１３８００００００００", "+8613800000000"), ("+1 (415) 555-2671", "+14155552671"),
            ("+852 5123 4567", "+85251234567"),
        ],
    )  # fmt: skip
    def test_one_stored_form(self, typed: str, stored: str) -> None:
        assert phones.to_e164(typed) == stored

    @pytest.mark.parametrize(
        "typed", ["", "1380000000", "12800000000", "+8612345678901", "abc", "+0138", "138000000000", "+", "٠١٢٣٤٥٦٧٨٩٠", "1e9"]
    )
    def test_what_is_no_phone_raises(self, typed: str) -> None:
        with pytest.raises(ValueError, match="not a"):
            phones.to_e164(typed)

    @pytest.mark.parametrize(
        ("phone", "shown"), [("+8613812345678", "138****5678"), ("+14155552671", "+14****2671"), (None, ""), ("110", "****")]
    )
    def test_masking(self, phone: str | None, shown: str) -> None:
        assert phones.mask(phone) == shown


@pytest.mark.django_db
class TestIdentity:
    def test_a_digest_is_keyed_and_tells_kinds_apart(self, settings: object) -> None:
        one = identity.digest("phone", "+8613800000000")
        assert len(one) == 32
        assert one != identity.digest("device", "+8613800000000")
        settings.IDENTITY_KEY = "another"  # type: ignore[attr-defined]
        assert one != identity.digest("phone", "+8613800000000")

    def test_seeing_again_renews_and_keeps_one_row(self, viewer: User) -> None:
        identity.remember(viewer, "device", "d")
        IdentityKey.objects.update(keep_until=timezone.now() - timedelta(days=1))
        identity.remember(viewer, "device", "d")
        assert IdentityKey.objects.get().keep_until > timezone.now()
        assert identity.forget_expired() == 0

    def test_expired_keys_are_forgotten(self, viewer: User) -> None:
        identity.remember(viewer, "device", "d")
        IdentityKey.objects.update(keep_until=timezone.now() - timedelta(days=1))
        assert identity.forget_expired() == 1
        assert not IdentityKey.objects.exists()

    def test_digests_of_leaves_out_what_is_absent(self, viewer: User) -> None:
        assert set(identity.digests_of(viewer, "d")) == {"phone", "device"}
        assert set(identity.digests_of(viewer)) == {"phone"}
        assert identity.digests_of(cast.make_user(phone=None)) == {}

    def test_person_of(self, rf: RequestFactory, viewer: User) -> None:
        from django.contrib.auth.models import AnonymousUser

        request = rf.get("/")
        request.device, request.user = "d1", AnonymousUser()  # type: ignore[attr-defined]
        assert identity.person_of(request) == "d:d1"
        request.user = viewer
        assert identity.person_of(request) == f"u:{viewer.public_id}"


@pytest.mark.django_db(transaction=True)
class TestPeople:
    def test_the_first_payment_counts_once(self, viewer: User) -> None:
        first = timezone.now()
        with transaction.atomic():
            assert people.mark_first_paid_in_tx(viewer.pk, first)
            assert not people.mark_first_paid_in_tx(viewer.pk, first + timedelta(days=1))
        viewer.refresh_from_db()
        assert viewer.first_paid_at == first
        with pytest.raises(RuntimeError):
            people.mark_first_paid_in_tx(viewer.pk, first)

    def test_a_taken_phone_or_nickname_is_refused(self, viewer: User) -> None:
        for options in ({"nickname": "新人", "phone": viewer.phone}, {"nickname": "小 满", "phone": "+8613900000000"}):
            with pytest.raises(Refused) as refused:
                people.sign_up(**options)
            assert refused.value.code is Code.INVALID
        assert User.objects.count() == 1

    @pytest.mark.race
    def test_one_nickname_goes_to_one_of_many(self) -> None:
        start, outcomes = Barrier(8), []

        def try_it(n: int) -> None:
            start.wait()
            try:
                people.sign_up(nickname="抢手的名字", phone=f"+861390000{n:04d}")
                outcomes.append("got it")
            except Refused as refused:
                outcomes.append(refused.code.value)
            finally:
                connection.close()

        threads = [Thread(target=try_it, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["INVALID"] * 7 + ["got it"]
        assert User.objects.count() == 1


@pytest.mark.django_db
class TestSuperusers:
    def test_several_can_be_made_on_the_command_line_and_have_own_nicknames(self) -> None:
        for name in ("chief", "deputy"):
            User.objects.create_superuser(username=name, password="a-long-pass-9")
        assert {user.nickname for user in User.objects.all()} == {"chief", "deputy"}
        assert len({user.nickname_folded for user in User.objects.all()}) == 2
