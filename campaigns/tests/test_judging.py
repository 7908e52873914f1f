"""Who gets a unit and who does not, by table; every refusal changes nothing."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import identity
from accounts.models import IdentityKey, Sanction, SanctionKind, User
from campaigns import claims, coupons, deals, drops, holds, waitlist
from campaigns.models import Claim, ClaimKey, ClaimState, CouponAudience, Deal, DealKind, DealState, Drop, GrantState, Waiting
from campaigns.panels import bars
from catalog.models import Sku
from liveshop.refusals import Code, Refused
from rooms.models import Follow
from tests import cast
from tests.scarce import make_coupon, make_deal, require_exact

pytestmark = pytest.mark.django_db(transaction=True)


def tap(deal, user, **digests):
    return claims.claim_now(deal_id=deal.pk, user_id=user.pk, key=uuid.uuid4(), **digests)


def old_buyer(deal):
    return cast.make_user(first_paid_at=timezone.now())


def unverified(deal):
    user = cast.make_user()
    User.objects.filter(pk=user.pk).update(phone_verified=False)
    return user


def same_payer_as_a_buyer(deal):
    buyer, user = old_buyer(deal), cast.make_user()
    for person in (buyer, user):
        IdentityKey.objects.create(user=person, kind="payer", digest=b"p" * 32, keep_until=timezone.now() + timedelta(days=9))
    return user


def banned(deal):
    user = cast.make_user()
    Sanction.objects.create(kind=SanctionKind.BAN, scope=f"room:{deal.room.public_id}", user=user, rule="刷屏", actor=deal.room.anchor)
    return user


@pytest.mark.parametrize(
    ("who", "kind", "code"),
    [
        (old_buyer, DealKind.NEWCOMER, Code.NOT_NEWCOMER),
        (unverified, DealKind.NEWCOMER, Code.NOT_NEWCOMER),
        (same_payer_as_a_buyer, DealKind.NEWCOMER, Code.NOT_NEWCOMER),
        (old_buyer, DealKind.GENERAL, "WON"),
        (banned, DealKind.GENERAL, Code.BANNED),
        (lambda deal: deal.room.anchor, DealKind.GENERAL, Code.FORBIDDEN),
        (lambda deal: deal.sku.product.shop.owner, DealKind.GENERAL, Code.FORBIDDEN),
        (lambda deal: cast.make_user(is_staff=True), DealKind.GENERAL, Code.FORBIDDEN),
        (lambda deal: cast.make_user(is_active=False), DealKind.GENERAL, Code.LOGIN_REQUIRED),
    ],
)
def test_who_may_win(who, kind, code):
    deal = make_deal(total=2, kind=kind)
    outcome = tap(deal, who(deal))
    assert outcome.code == code
    deal.refresh_from_db()
    assert deal.held == Claim.objects.filter(deal=deal).count() == (code == "WON")


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"state": DealState.FROZEN}, Code.FROZEN),
        ({"state": DealState.ENDED}, Code.ENDED),
        ({"state": DealState.DRAFT}, Code.NOT_FOUND),
        ({"starts_at": timezone.now() + 60 * MINUTE, "ends_at": timezone.now() + 90 * MINUTE}, Code.NOT_STARTED),
        ({"starts_at": timezone.now() - 9 * MINUTE, "ends_at": timezone.now() - MINUTE}, Code.ENDED),
    ],
)
def test_a_deal_that_is_not_open_takes_no_claim(fields, code):
    deal = make_deal(total=2, **fields)
    assert tap(deal, cast.make_user()).code == code
    require_exact(deal)
    assert (deal.held, deal.attempts) == (0, 0)


def test_a_banned_device_does_not_win_by_another_name():
    deal = make_deal()
    Sanction.objects.create(kind=SanctionKind.BAN, device_digest=b"d" * 32, rule="刷单", actor=deal.room.anchor)
    assert tap(deal, cast.make_user(), device_digest=b"d" * 32).code == Code.BANNED
    assert not Claim.objects.exists()


def test_an_expired_hold_gives_unit_and_right_back_once_and_offers_it_to_the_next_in_line():
    deal, winner, waiting, other = make_deal(), cast.make_user(), cast.make_user(), cast.make_user()
    phone = identity.digest("phone", winner.phone)
    assert tap(deal, winner, phone_digest=phone).is_won
    assert waitlist.join(deal=deal, user=waiting).number == 1
    assert waitlist.join(deal=deal, user=other).number == 2
    Claim.objects.update(expires_at=timezone.now() - MINUTE)
    assert (holds.expire_due(), holds.expire_due()) == (1, 0)
    require_exact(deal)
    assert deal.available == 1
    assert not ClaimKey.objects.exists()
    assert tap(deal, other).code == Code.SOLD_OUT, "the unit is kept for the first in line"
    assert tap(deal, waiting).is_won
    assert not Waiting.objects.filter(user=waiting).exists()


def test_a_lapsed_offer_goes_to_the_next():
    deal, winner, slow, next_one = make_deal(), cast.make_user(), cast.make_user(), cast.make_user()
    tap(deal, winner)
    for user in (slow, next_one):
        waitlist.join(deal=deal, user=user)
    Claim.objects.update(expires_at=timezone.now() - MINUTE)
    holds.expire_due()
    Waiting.objects.filter(user=slow).update(offered_at=timezone.now() - 3 * MINUTE)
    assert waitlist.pass_on_lapsed() == 1
    assert tap(deal, next_one).is_won


def test_an_undone_drop_was_never_open(room, anchor):
    product = cast.make_product(cast.make_shop(anchor), stock=9)
    cast.make_shelf_item(room, product)
    deal = deals.plan(room=room, sku=product.skus.get(), by=anchor, total=4)
    assert Sku.objects.get().stock_held == 4
    drops.press(drop=deal.drop, by=anchor)
    assert tap(deal, cast.make_user()).code == Code.NOT_STARTED
    drops.undo(drop=deal.drop, by=anchor)
    deal.refresh_from_db()
    assert (deal.state, deal.starts_at, deal.attempts) == (DealState.DRAFT, None, 0)
    assert bars(room.pk) == {}
    drops.press(drop=Drop.objects.get(), by=anchor)
    Drop.objects.update(pressed_at=timezone.now() - timedelta(seconds=4))
    with pytest.raises(Refused) as refused:
        drops.undo(drop=Drop.objects.get(), by=anchor)
    assert refused.value.code == Code.VERSION_CONFLICT
    deals.end(deal=deal, by=anchor)
    assert Sku.objects.get().stock_held == 0


@pytest.mark.parametrize(
    ("audience", "followed_ago", "code"),
    [
        (CouponAudience.FAN, None, Code.FOLLOW_REQUIRED),
        (CouponAudience.FAN, 99 * MINUTE, "WON"),
        (CouponAudience.NEW_FOLLOWER, None, Code.FOLLOW_REQUIRED),
        (CouponAudience.NEW_FOLLOWER, MINUTE, "WON"),
        (CouponAudience.NEW_FOLLOWER, 99 * MINUTE, Code.NOT_ELIGIBLE),
    ],
)
def test_coupons_for_followers(audience, followed_ago, code):
    coupon, user = make_coupon(audience=audience), cast.make_user()
    if followed_ago is not None:
        Follow.objects.create(room=coupon.room, user=user, at=timezone.now() - followed_ago)
    assert claims.take_now(coupon_id=coupon.pk, user_id=user.pk, key=uuid.uuid4()).code == code
    coupon.refresh_from_db()
    assert coupon.issued == (code == "WON")


def test_a_coupon_is_locked_by_one_order_and_comes_back_when_it_closes():
    from django.db import transaction

    coupon, user = make_coupon(), cast.make_user()
    claims.take_now(coupon_id=coupon.pk, user_id=user.pk, key=uuid.uuid4())
    grant = coupon.grants.get()
    with transaction.atomic():
        coupons.lock_in_tx(grant_ids=[grant.pk], order_ref="A", user=user)
    with pytest.raises(Refused), transaction.atomic():
        coupons.lock_in_tx(grant_ids=[grant.pk], order_ref="B", user=user)
    with transaction.atomic():
        assert (coupons.return_in_tx("B"), coupons.return_in_tx("A"), coupons.return_in_tx("A")) == (0, 1, 0)
        coupons.lock_in_tx(grant_ids=[grant.pk], order_ref="C", user=user)
        assert (coupons.use_in_tx("C"), coupons.use_in_tx("C"), coupons.return_in_tx("C")) == (1, 0, 0)
    grant.refresh_from_db()
    assert grant.state == GrantState.USED


def test_outsiders_have_no_door_to_drops(client: Client, room, viewer):
    deal = make_deal(room, is_open=False)
    client.force_login(viewer)
    for verb in ("press", "freeze", "end", "cancel"):
        assert client.post(f"/studio/{room.slug}/drops/{deal.drop.public_id}/{verb}").status_code == 403
    assert client.get(f"/studio/{room.slug}/drops").status_code == 403
    deal.refresh_from_db()
    assert deal.state == DealState.DRAFT


def test_the_doors_tell_the_same_story(client: Client, viewer):
    deal, key = make_deal(), str(uuid.uuid4())
    assert client.post("/claims/", {"deal": deal.public_id, "key": key}, HTTP_ACCEPT="application/json").json()["code"] == "LOGIN_REQUIRED"
    client.force_login(viewer)
    assert client.get(f"/claims/{key}").status_code == 404
    won = client.post("/claims/", {"deal": deal.public_id, "key": key}).json()
    assert won["code"] == "WON"
    assert client.get(f"/claims/{key}").json()["claim"] == won["claim"]
    client.force_login(cast.make_user())
    assert client.get(f"/claims/{key}").status_code == 404, "somebody else's tap is nobody's business"
    lost = client.post("/claims/", {"deal": deal.public_id, "key": str(uuid.uuid4())}).json()
    assert lost["code"] == "SOLD_OUT"
    assert f'data-for-deal="{deal.public_id}"' in lost["html"]
    assert client.post(f"/deals/{deal.public_id}/wait", HTTP_HX_REQUEST="true").status_code == 200
    assert client.get("/me/coupons").status_code == 200
    assert Deal.objects.get().held == 1
    assert Claim.objects.get().state == ClaimState.HELD
