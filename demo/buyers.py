"""Demo viewers who buy: winners who pay within their time (some do not), and now and then somebody from the shelf."""

import asyncio
import random
import uuid
from datetime import timedelta

import structlog

from accounts import addresses
from accounts.models import Address, User
from campaigns import offers
from campaigns.models import Claim, ClaimState
from liveshop.clock import now
from liveshop.refusals import Refused
from liveshop.threads import in_thread
from orders import checkout, paying
from orders.models import Order
from orders.payments import simulator
from rooms.models import Pin, ShowState

PACE_S = 4.0
PAYING_SHARE = 0.7
THINKS_FOR = timedelta(seconds=9)
SHELF_CHANCE = 0.22
BATCH = 4
log = structlog.get_logger(__name__)


async def run(viewers: list[str]) -> None:
    """Until cancelled; `viewers` are the user names of the crowd, which alone buy."""
    while True:
        try:
            await in_thread(pay_for_claims)(viewers)
            if random.random() < SHELF_CHANCE:
                await in_thread(buy_from_a_shelf)(random.choice(viewers))
        except Exception:
            log.exception("demo_buyers_stumbled")  # the database may be restarting; the evening goes on
        await asyncio.sleep(PACE_S)


def pay_for_claims(viewers: list[str]) -> int:
    """Turn a few held claims of the crowd into paid orders; returns how many. A visitor signed in on the demo pays for herself."""
    waiting = Claim.objects.filter(
        state=ClaimState.HELD,
        user__is_demo=True,
        user__username__in=viewers,
        claimed_at__lt=now() - THINKS_FOR,
        expires_at__gt=now() + THINKS_FOR,
    ).select_related("user", "deal__room", "deal__sku__product__shop")
    # The claim's own number decides, so that who lets it lapse does so for good.
    willing = [claim for claim in waiting.order_by("claimed_at")[:60] if claim.pk % 10 < PAYING_SHARE * 10]
    return sum(_buy(claim.user, claim=claim, pin=None) for claim in willing[:BATCH])


def buy_from_a_shelf(username: str) -> bool:
    """One unit of what some room shows now."""
    pins = Pin.objects.filter(ended_at=None, room__shows__state=ShowState.LIVE).select_related("item__product__shop", "room")
    pin = pins.order_by("?").first()
    user = User.objects.filter(username=username, is_demo=True).first()
    return bool(pin and user and _buy(user, claim=None, pin=pin))


def _buy(user: User, *, claim: Claim | None, pin: Pin | None) -> bool:
    try:
        order = _place(user, claim, pin)
        if order is None:
            return False
        started = paying.start(order=order, provider_name=simulator.Simulator.name, by=user)
        simulator.press(payment_ref=started.payment.public_id, button=simulator.Button.PAY, payer=f"wallet:{user.public_id}")
    except Refused as refused:
        log.info("demo_purchase_refused", code=refused.code)
        return False
    return True


def _place(user: User, claim: Claim | None, pin: Pin | None) -> Order | None:
    address = _address(user)
    if claim is not None:
        room, items = claim.deal.room, [(claim.deal.sku, 1, None)]
    elif pin is not None and (sku := pin.item.product.skus.filter(stock_available__gt=3).first()):
        room, items = pin.room, [(sku, 1, pin.item)]
    else:
        return None
    sheet = offers.quote(user=user, items=items, province=address.province, claim=claim, room=room)
    return checkout.place(
        buyer=user, key=uuid.uuid4(), items=items, claim=claim, address=address, grant_id="best", accepted_due_fen=sheet.due_fen, room=room
    )


def _address(user: User) -> Address:
    return addresses.default_of(user) or addresses.save(
        user=user, name=user.nickname, phone="13800000000", province="浙江省", city="杭州市", district="西湖区", detail="文三路 1 号"
    )
