"""What a viewer may send over the socket for deals and coupons: claim, take_coupon, mine."""

from typing import Any

from django.utils import translation

from accounts.models import User
from campaigns import asking, cards, claims, mine
from campaigns.memory import Kind, Target
from campaigns.outcomes import ClaimOutcome, Tap
from liveshop.threads import in_thread
from rooms.models import Room
from rooms.realtime.connection import Connection


async def claim(connection: Connection, payload: dict[str, Any]) -> dict[str, Any]:
    """{"id": uuid, "deal": public id} → won with its card; Refused with a why-no card."""
    return await _ask(connection, Kind.DEAL, str(payload.get("deal", "")), payload)


async def take_coupon(connection: Connection, payload: dict[str, Any]) -> dict[str, Any]:
    """{"id": uuid, "coupon": public id} → taken with its card; Refused with a why-no card."""
    return await _ask(connection, Kind.COUPON, str(payload.get("coupon", "")), payload)


def refuse_claim(connection: Connection, payload: dict[str, Any]) -> None:
    """Raises Refused when the process remembers the "no" and has its card; else the tap goes to the database."""
    _refuse(connection, Kind.DEAL, str(payload.get("deal", "")), payload)


def refuse_coupon(connection: Connection, payload: dict[str, Any]) -> None:
    """The same for a coupon."""
    _refuse(connection, Kind.COUPON, str(payload.get("coupon", "")), payload)


async def mine_command(connection: Connection, payload: dict[str, Any]) -> dict[str, Any]:
    """Every own card of this room, as one `mine` frame."""
    return {"t": "mine", "html": await in_thread(_mine)(connection)}


async def _ask(connection: Connection, kind: Kind, name: str, payload: dict[str, Any]) -> dict[str, Any]:
    tap = _tap(connection, payload)
    target = asking.known(kind, name, connection.room_id) or await in_thread(asking.find)(kind, name, connection.room_id)
    answer = claims.engine().ask(target, tap)
    outcome = answer if isinstance(answer, ClaimOutcome) else await answer
    card = await cards.drawn(target, connection.language, outcome, tap.user_id)
    if card is not None:
        return asking.told(outcome, card.filled(outcome))
    return await in_thread(_told)(connection.language, target, tap, outcome)


def _refuse(connection: Connection, kind: Kind, name: str, payload: dict[str, Any]) -> None:
    target = asking.known(kind, name, connection.room_id)
    if target is None or not connection.user_id:
        return
    tap = _tap(connection, payload)
    engine = claims.engine()
    code = engine.memory.foretells(target, tap.user_id)
    card = code and cards.known(target, connection.language, code.value, tap.user_id)
    if not card:
        return
    outcome = engine.ask(target, tap)
    if isinstance(outcome, ClaimOutcome):
        asking.told(outcome, card.filled(outcome))


def _tap(connection: Connection, payload: dict[str, Any]) -> Tap:
    return asking.tap(connection.user_id, payload.get("id"), connection.phone_digest, connection.device_digest)


def _told(language: str, target: Target, tap: Tap, outcome: ClaimOutcome) -> dict[str, Any]:
    with translation.override(language):
        return asking.told(outcome, asking.card(target, tap.user_id, outcome))


def _mine(connection: Connection) -> str:
    user = User.objects.filter(pk=connection.user_id, is_active=True).first()
    if user is None:
        return ""
    with translation.override(connection.language):
        return mine.cards(Room.objects.get(pk=connection.room_id), user)
