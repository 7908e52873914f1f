"""Deals and coupons on sale, and engines in an event loop of their own, for tests of scarcity."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from campaigns.engine import ClaimEngine
from campaigns.models import Claim, ClaimState, Coupon, CouponState, CouponTarget, Deal, DealState, Drop, DropState
from catalog.models import Sku
from liveshop.bus import Bus
from rooms.models import Room
from tests import cast


def make_deal(room: Room | None = None, *, total: int = 1, is_open: bool = True, **fields: Any) -> Deal:
    """A deal in a room, its units taken from its SKU; open unless told otherwise."""
    room = room or cast.make_room()
    sku: Sku = cast.make_product(stock=total + 50).skus.get()
    room.shelf_items.create(product=sku.product, number=room.shelf_items.count() + 1, position=room.shelf_items.count() + 1)
    Sku.objects.filter(pk=sku.pk).update(stock_available=50, stock_held=total)
    moment = timezone.now()
    timing = {"state": DealState.PUBLISHED, "starts_at": moment - timedelta(minutes=1), "ends_at": moment + timedelta(minutes=30)}
    given = {"title": "苹果一元购", "created_by": room.anchor, "per_day_limit": 0} | (timing if is_open else {}) | fields
    deal = Deal.objects.create(room=room, sku=sku, total=total, available=total, **given)
    Drop.objects.create(room=room, deal=deal, by=room.anchor, state=DropState.DROPPED if is_open else DropState.PLANNED)
    return deal


def make_coupon(room: Room | None = None, *, total: int = 1, **fields: Any) -> Coupon:
    """A coupon for the whole site that can be taken now."""
    room = room or cast.make_room()
    moment = timezone.now()
    given = {
        "title": "满39减5",
        "target": CouponTarget.PLATFORM,
        "off_fen": 500,
        "threshold_fen": 3900,
        "valid_days": 3,
        "created_by": room.anchor,
    }
    given |= {"state": CouponState.PUBLISHED, "starts_at": moment - timedelta(minutes=1)}
    return Coupon.objects.create(room=room, total=total, **given | fields)


def make_people(count: int) -> list[User]:
    """Many people at once; their names and phones differ."""
    start = uuid.uuid4().int % 10**9
    users = [
        User(
            username=f"crowd{start + n}",
            nickname=f"人群{start + n}",
            nickname_folded=f"人群{start + n}",
            phone=f"+8613{start + n:09d}",
            phone_verified=True,
        )
        for n in range(count)
    ]
    return User.objects.bulk_create(users)


def with_engine(work: Callable[[ClaimEngine], Awaitable[Any]], **options: Any) -> Any:
    """Run `work(engine)` with a fresh engine and its own bus, as one process of the site would."""

    async def run() -> Any:
        listens = Bus()
        engine = ClaimEngine(listens=listens, **options)
        try:
            return await work(engine)
        finally:
            await engine.stop()
            await listens.stop()

    return asyncio.run(run())


def all_claim(deal: Deal, user_ids: Sequence[int], **options: Any) -> list[Any]:
    """Everybody taps once at the same moment, through one engine; the outcomes in their order."""

    async def work(engine: ClaimEngine) -> list[Any]:
        taps = [engine.claim(deal_id=deal.pk, user_id=user_id, key=uuid.uuid4()) for user_id in user_ids]
        return await asyncio.gather(*taps, return_exceptions=True)

    return with_engine(work, **options)  # type: ignore[no-any-return]


def require_exact(deal: Deal) -> None:
    """The audit of a deal: the row adds up and says the same as its claims."""
    deal.refresh_from_db()
    lent = sum(lease.free for lease in deal.leases.all())
    assert deal.total == deal.available + deal.held + deal.sold
    rows = Claim.objects.filter(deal=deal)
    assert rows.filter(state__in=[ClaimState.HELD, ClaimState.ORDERED]).count() == deal.held - lent
    assert rows.filter(state=ClaimState.PAID).count() == deal.sold
    live = rows.filter(state__in=[ClaimState.HELD, ClaimState.ORDERED, ClaimState.PAID])
    assert live.values("user").distinct().count() == live.count()
    places = list(rows.values_list("place", flat=True))
    assert len(places) == len(set(places))
    sku = Sku.objects.get(pk=deal.sku_id)
    open_units = Deal.objects.filter(sku=sku).aggregate(n=Sum("available") + Sum("held"))["n"]
    assert sku.stock_held == open_units
