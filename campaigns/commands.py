"""What a viewer may send over the socket for deals and coupons: claim, take_coupon, mine."""

from typing import Any

from django.utils import translation

from accounts.models import User
from campaigns import asking, claims, mine
from campaigns.asking import Asking
from campaigns.memory import Kind
from campaigns.outcomes import ClaimOutcome
from liveshop.threads import in_thread
from rooms.models import Room
from rooms.realtime.connection import Connection


async def claim(connection: Connection, payload: dict[str, Any]) -> dict[str, Any]:
    """{"id": uuid, "deal": public id} → won with its card; Refused with a why-no card."""
    wish = await _read(connection, Kind.DEAL, payload, "deal")
    outcome = await claims.engine().claim(
        deal_id=wish.target_id,
        user_id=wish.user_id,
        key=wish.key,
        phone_digest=wish.phone_digest,
        device_digest=wish.device_digest,
    )
    return await _told(connection, Kind.DEAL, wish, outcome)


async def take_coupon(connection: Connection, payload: dict[str, Any]) -> dict[str, Any]:
    """{"id": uuid, "coupon": public id} → taken with its card; Refused with a why-no card."""
    wish = await _read(connection, Kind.COUPON, payload, "coupon")
    outcome = await claims.engine().take(
        coupon_id=wish.target_id,
        user_id=wish.user_id,
        key=wish.key,
        phone_digest=wish.phone_digest,
        device_digest=wish.device_digest,
    )
    return await _told(connection, Kind.COUPON, wish, outcome)


async def mine_command(connection: Connection, payload: dict[str, Any]) -> dict[str, Any]:
    """Every own card of this room, as one `mine` frame."""
    return {"t": "mine", "html": await in_thread(_mine)(connection)}


async def _read(connection: Connection, kind: Kind, payload: dict[str, Any], name: str) -> Asking:
    return await in_thread(asking.read)(
        kind=kind,
        target=str(payload.get(name, ""))[:16],
        key=str(payload.get("id", "")),
        user_id=connection.user_id,
        device=connection.device,
        room_id=connection.room_id,
    )


async def _told(connection: Connection, kind: Kind, wish: Asking, outcome: ClaimOutcome) -> dict[str, Any]:
    return await in_thread(_told_in_language)(connection.language, kind, wish, outcome)


def _told_in_language(language: str, kind: Kind, wish: Asking, outcome: ClaimOutcome) -> dict[str, Any]:
    with translation.override(language):
        return asking.told(kind=kind, asking=wish, outcome=outcome)


def _mine(connection: Connection) -> str:
    user = User.objects.filter(pk=connection.user_id, is_active=True).first()
    if user is None:
        return ""
    with translation.override(connection.language):
        return mine.cards(Room.objects.get(pk=connection.room_id), user)
