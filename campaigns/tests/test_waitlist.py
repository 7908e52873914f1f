"""Waiting is for what is open and sold out, and for those who might win it; nobody jumps the queue by it."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import identity
from accounts.models import Sanction, SanctionKind, User
from campaigns import claims, waitlist
from campaigns.models import ClaimState, Deal, DealKind, DealState, Lease, Waiting
from liveshop.refusals import Code, Refused
from tests import cast
from tests.scarce import make_deal, require_exact

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


def tap(deal, user):
    return claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4(), phone_digest=identity.digest("phone", user.phone))


def sold_out(**fields):
    deal = make_deal(total=1, **fields)
    assert tap(deal, cast.make_user()).is_won
    return deal


def refused(deal, user, device=""):
    """The code of the "no" to waiting, which left nothing behind."""
    before = Deal.objects.values().get(pk=deal.pk)
    waiting = Waiting.objects.count()
    with pytest.raises(Refused) as refusal:
        waitlist.join(deal=deal, user=user, device=device)
    assert Waiting.objects.count() == waiting
    assert Deal.objects.values().get(pk=deal.pk) == before
    require_exact(deal)
    return refusal.value.code


SOON = {"starts_at": timezone.now() + 60 * MINUTE, "ends_at": timezone.now() + 90 * MINUTE}
OVER = {"starts_at": timezone.now() - 9 * MINUTE, "ends_at": timezone.now() - MINUTE}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, Code.STILL_AVAILABLE),
        (SOON, Code.NOT_STARTED),
        (OVER, Code.ENDED),
        ({"state": DealState.FROZEN}, Code.FROZEN),
        ({"state": DealState.ENDED}, Code.ENDED),
        ({"state": DealState.DRAFT, "starts_at": None, "ends_at": None}, Code.NOT_FOUND),
    ],
)
def test_nobody_waits_for_what_is_not_open_or_not_sold_out(fields, code):
    deal, user = make_deal(total=2, **fields), cast.make_user()
    assert refused(deal, user) == code
    if code != Code.STILL_AVAILABLE:
        assert tap(deal, user).code == code, "the claim says the same"


def test_who_asks_in_the_countdown_is_not_before_those_who_tap_in_time():
    deal, early = make_deal(total=1, **SOON), cast.make_user()
    assert tap(deal, early).code == Code.NOT_STARTED
    assert refused(deal, early) == Code.NOT_STARTED
    Deal.objects.filter(pk=deal.pk).update(starts_at=timezone.now() - MINUTE)
    assert tap(deal, cast.make_user()).is_won


def test_lent_units_are_left_and_come_home_to_be_won():
    deal = make_deal(total=8)
    Lease.objects.create(deal=deal, holder="one", granted=8, first_place=1, expires_at=timezone.now() + MINUTE)
    Deal.objects.filter(pk=deal.pk).update(available=0, held=8)
    assert refused(deal, cast.make_user()) == Code.STILL_AVAILABLE


def old_buyer(deal):
    return cast.make_user(first_paid_at=timezone.now())


def unverified(deal):
    user = cast.make_user()
    User.objects.filter(pk=user.pk).update(phone_verified=False)
    return User.objects.get(pk=user.pk)


def banned(deal):
    user = cast.make_user()
    Sanction.objects.create(kind=SanctionKind.BAN, scope=f"room:{deal.room.public_id}", user=user, rule="刷屏", actor=deal.room.anchor)
    return user


def banned_phone(deal):
    user = cast.make_user()
    digest = identity.digest("phone", user.phone)
    Sanction.objects.create(kind=SanctionKind.BAN, phone_digest=digest, rule="刷单", actor=deal.room.anchor)
    return user


def at_the_daily_limit(deal):
    user = cast.make_user()
    Deal.objects.filter(pk=deal.pk).update(per_day_limit=1)
    assert tap(make_deal(total=1), user).is_won
    return user


@pytest.mark.parametrize(
    ("who", "kind", "code"),
    [
        (old_buyer, DealKind.NEWCOMER, Code.NOT_NEWCOMER),
        (unverified, DealKind.NEWCOMER, Code.NOT_NEWCOMER),
        (banned, DealKind.GENERAL, Code.BANNED),
        (banned_phone, DealKind.GENERAL, Code.BANNED),
        (at_the_daily_limit, DealKind.GENERAL, Code.LIMIT_PER_USER),
        (lambda deal: deal.room.anchor, DealKind.GENERAL, Code.FORBIDDEN),
        (lambda deal: deal.sku.product.shop.owner, DealKind.GENERAL, Code.FORBIDDEN),
        (lambda deal: cast.make_user(is_staff=True), DealKind.GENERAL, Code.FORBIDDEN),
        (lambda deal: deal.claims.get().user, DealKind.GENERAL, Code.ALREADY_CLAIMED),
    ],
)
def test_who_may_not_win_may_not_wait(who, kind, code):
    deal = sold_out(kind=kind)
    assert refused(deal, who(deal)) == code


def test_another_account_with_the_phone_of_an_owner_does_not_wait():
    deal = sold_out()
    owner, other = deal.claims.get().user, cast.make_user()
    User.objects.filter(pk=owner.pk).update(phone="+8613000000000")
    User.objects.filter(pk=other.pk).update(phone=owner.phone)
    assert refused(deal, User.objects.get(pk=other.pk)) == Code.ALREADY_CLAIMED


def test_a_banned_device_does_not_wait_by_another_name():
    deal = sold_out()
    Sanction.objects.create(kind=SanctionKind.BAN, device_digest=identity.digest("device", "phone-1"), rule="刷单", actor=deal.room.anchor)
    assert refused(deal, cast.make_user(), device="phone-1") == Code.BANNED


def test_asking_in_line_counts_as_no_tap_and_keeps_the_place():
    deal, first, second = sold_out(), cast.make_user(), cast.make_user()
    assert [waitlist.join(deal=deal, user=user).number for user in (first, second, first)] == [1, 2, 1]
    deal.refresh_from_db()
    assert (deal.attempts, deal.total, deal.available) == (1, 1, 0)


def test_a_freed_unit_goes_to_those_in_line_before_whoever_joins_now():
    """The sweeper has not come by yet: joining offers it to the first in line, not to her who joins."""
    deal, first, late = sold_out(), cast.make_user(), cast.make_user()
    waitlist.join(deal=deal, user=first)
    deal.claims.update(state=ClaimState.EXPIRED)
    Deal.objects.filter(pk=deal.pk).update(available=1, held=0)
    assert waitlist.join(deal=deal, user=late).number == 1
    assert waitlist.place_of(deal_id=deal.pk, user_id=first.pk).offered_until
    assert tap(deal, late).code == Code.SOLD_OUT
    assert waitlist.join(deal=deal, user=first).offered_until, "asking again keeps her turn"
    assert tap(deal, first).is_won


def test_the_room_shows_a_no_as_a_card_with_the_next_step(client: Client, viewer: User):
    deal = make_deal(total=2)
    client.force_login(viewer)
    answer = client.post(f"/deals/{deal.public_id}/wait", HTTP_HX_REQUEST="true")
    assert answer.status_code == 409
    page = answer.content.decode()
    assert f'data-for-deal="{deal.public_id}"' in page
    assert 'data-refused="STILL_AVAILABLE"' in page
    assert 'action="/claims/"' in page
    assert client.post(f"/deals/{deal.public_id}/wait", HTTP_ACCEPT="application/json").json()["facts"] == {"left": 2}
    assert not Waiting.objects.exists()
