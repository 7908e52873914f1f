"""Coupons: planned, taken (see `campaigns.claims`), locked by one unpaid order, used when it is paid, free again when it closes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.access import Power
from accounts.models import User
from campaigns import offers, pricing
from campaigns.models import Coupon, CouponAudience, CouponFunder, CouponGrant, CouponState, CouponTarget, GrantState
from catalog import products
from catalog.models import Product, Shop
from liveshop.clock import now
from liveshop.money import format_fen
from liveshop.refusals import Code, Refused
from rooms.models import Room

MAX_TOTAL = 1_000_000
MAX_FEN = 100_000_000  # as the dearest product
FOLLOW_WITHIN_S = (60, 30 * 86_400)


@dataclass(frozen=True, slots=True)
class Target:
    """What a coupon is for: exactly one of the fields, or none for the whole site."""

    product: Product | None = None
    shop: Shop | None = None
    category_id: int | None = None

    @property
    def kind(self) -> CouponTarget:
        if self.product is not None:
            return CouponTarget.ITEM
        if self.category_id is not None:
            return CouponTarget.CATEGORY
        return CouponTarget.SHOP if self.shop is not None else CouponTarget.PLATFORM


def plan(
    *,
    by: User,
    title: str,
    off_fen: int,
    total: int,
    target: Target,
    threshold_fen: int = 0,
    room: Room | None = None,
    audience: int = CouponAudience.ANYONE,
    funder: str = CouponFunder.MERCHANT,
    per_person: int = 1,
    follow_within_s: int = 600,
    valid_until: datetime | None = None,
    valid_days: int | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    batch: UUID | None = None,
) -> Coupon:
    """A coupon nobody can take yet. Raises Refused(FORBIDDEN | INVALID | WORD_REFUSED).

    A merchant's coupon is paid for by the shop, so only its owner plans one, or whoever may drop in the owner's own room
    for goods on its shelf; an alliance product is another merchant's money. Only operators spend the platform's.
    """
    _require_right(by, target, room, funder)
    _require_sense(off_fen, threshold_fen, total, per_person, follow_within_s, valid_until, valid_days, starts_at, ends_at)
    if room is None and audience != CouponAudience.ANYONE:
        raise Refused(Code.INVALID, why=_("Followers are a room’s: choose rooms"))
    shown = title.strip()[:40] or _default_title(off_fen, threshold_fen)
    products.check_words(shown)
    with transaction.atomic(durable=True):
        coupon = Coupon.objects.create(
            title=shown,
            target=target.kind,
            audience=audience,
            funder=funder,
            room=room,
            shop=target.product.shop if target.product else target.shop,
            product=target.product,
            category_id=target.category_id,
            threshold_fen=threshold_fen,
            off_fen=off_fen,
            total=total,
            per_person=per_person,
            follow_within_s=follow_within_s,
            valid_until=valid_until,
            valid_days=valid_days,
            starts_at=starts_at,
            ends_at=ends_at,
            batch=batch,
            created_by=by,
        )
        after = {"off_fen": off_fen, "threshold_fen": threshold_fen, "total": total, "funder": funder}
        audit.record_in_tx(actor=by, action="coupon.plan", subject=f"coupon:{coupon.public_id}", after=after)
    return coupon


def end(*, coupon: Coupon, by: User, reason: str = "") -> None:
    """No more of it are given out; what people hold stays theirs. Raises Refused(FORBIDDEN | VERSION_CONFLICT)."""
    from campaigns import drops  # drops draw on coupons

    _require_right(by, _target_of(coupon), coupon.room, coupon.funder)
    with transaction.atomic(durable=True):
        if not Coupon.objects.filter(pk=coupon.pk).exclude(state=CouponState.ENDED).update(state=CouponState.ENDED):
            raise Refused(Code.VERSION_CONFLICT)
        audit.record_in_tx(actor=by, action="coupon.end", subject=f"coupon:{coupon.public_id}", reason=reason)
        drops.coupon_changed_in_tx(coupon, "coupon_ended", by)


def lock_in_tx(*, grant_ids: Iterable[int], order_ref: str, user: User) -> None:
    """UNUSED → LOCKED for one order. Raises Refused(NOT_ELIGIBLE) unless every one was free, valid and this person's."""
    _need_transaction("lock_in_tx")
    wanted = sorted(set(grant_ids))
    free = CouponGrant.objects.filter(pk__in=wanted, user=user, state=GrantState.UNUSED, expires_at__gt=Now())
    if free.update(state=GrantState.LOCKED, order_ref=order_ref) != len(wanted):
        raise Refused(Code.NOT_ELIGIBLE, why=_("This coupon is used, locked by another order or has run out"))


def use_in_tx(order_ref: str) -> int:
    """LOCKED → USED for what this order locked; returns how many. Repeating changes nothing."""
    _need_transaction("use_in_tx")
    return CouponGrant.objects.filter(order_ref=order_ref, state=GrantState.LOCKED).update(state=GrantState.USED)


def return_in_tx(order_ref: str) -> int:
    """LOCKED → UNUSED for what this order locked; one whose time has run out meanwhile becomes EXPIRED."""
    _need_transaction("return_in_tx")
    locked = CouponGrant.objects.filter(order_ref=order_ref, state=GrantState.LOCKED)
    expired = locked.filter(expires_at__lte=Now()).update(state=GrantState.EXPIRED, order_ref="")
    return expired + locked.update(state=GrantState.UNUSED, order_ref="")


def expired(grant: str) -> datetime | None:
    """When this grant ran out unused; None while it did not."""
    gone = CouponGrant.objects.filter(public_id=grant, state=GrantState.EXPIRED) if grant else CouponGrant.objects.none()
    return gone.values_list("expires_at", flat=True).first()


def usable_for(user: User, lines: Sequence[pricing.Line]) -> list[pricing.CouponTerms]:
    """The person's coupons that would lower the price of these lines, the best first."""
    useful = [(pricing.saving(lines, coupon), coupon) for coupon in offers.coupons_of(user)]
    return [coupon for off, coupon in sorted(useful, key=lambda pair: -pair[0]) if off]


def expire_due() -> int:
    """UNUSED grants past their time become EXPIRED; only tidies, for every use asks the clock itself."""
    return CouponGrant.objects.filter(state=GrantState.UNUSED, expires_at__lte=Now()).update(state=GrantState.EXPIRED)


def _require_right(by: User, target: Target, room: Room | None, funder: str) -> None:
    shop = target.product.shop if target.product else target.shop
    if by.is_superuser:
        return
    if funder == CouponFunder.PLATFORM or (target.kind in (CouponTarget.PLATFORM, CouponTarget.CATEGORY) and shop is None):
        raise Refused(Code.FORBIDDEN, why=_("Only an operator may spend the platform’s money"))
    if shop is not None and shop.owner_id == by.pk:
        return
    is_of_room = room is not None and shop is not None and shop.owner_id == room.anchor_id
    if room is None or not is_of_room or target.product is None or not room.shelf_items.filter(product=target.product).exists():
        raise Refused(Code.FORBIDDEN, why=_("You may give coupons for goods on your own shelf only"))
    access.require(by, Power.DROP, room)


def _require_sense(
    off_fen: int,
    threshold_fen: int,
    total: int,
    per_person: int,
    follow_within_s: int,
    valid_until: datetime | None,
    valid_days: int | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
) -> None:
    if off_fen <= 0 or threshold_fen < 0 or not 1 <= total <= MAX_TOTAL or not 1 <= per_person <= 100:
        raise Refused(Code.INVALID, why=_("Amounts and numbers must be positive"))
    if max(off_fen, threshold_fen) > MAX_FEN:
        raise Refused(Code.INVALID, why=format_fen(max(off_fen, threshold_fen)))
    if threshold_fen and off_fen > threshold_fen:
        raise Refused(Code.INVALID, why=_("A coupon cannot take off more than it asks for"))
    if not valid_days and valid_until is None:
        raise Refused(Code.INVALID, why=_("Say until when it is valid"))
    if ends_at is not None and ends_at <= now():
        raise Refused(Code.INVALID, why=_("The time has passed"))
    if not FOLLOW_WITHIN_S[0] <= follow_within_s <= FOLLOW_WITHIN_S[1]:
        raise Refused(Code.INVALID, why=_("New followers are those of the last minute to the last 30 days"))
    if (valid_until and valid_until <= now()) or (starts_at and ends_at and ends_at <= starts_at):
        raise Refused(Code.INVALID, why=_("The end must be later than the start"))


def default_validity() -> dict[str, Any]:
    """What the studio's quick form uses: until tomorrow at the same hour."""
    return {"valid_until": now() + timedelta(days=1)}


def _default_title(off_fen: int, threshold_fen: int) -> str:
    """“满39减5”, in the site's language: one title for everybody."""
    yuan = {"off": f"{Decimal(off_fen) / 100:f}", "from": f"{Decimal(threshold_fen) / 100:f}"}
    with translation.override(settings.LANGUAGE_CODE):
        return _("%(off)s off from %(from)s") % yuan if threshold_fen else _("%(off)s off") % yuan


def _target_of(coupon: Coupon) -> Target:
    if coupon.target == CouponTarget.ITEM:
        return Target(product=coupon.product)
    return Target(shop=coupon.shop, category_id=coupon.category_id)


def _need_transaction(name: str) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError(f"{name} needs the caller's transaction")
