"""Room events: every change that viewers see gets the room's next `seq` in the transaction that makes it.

The numbers have no gaps, because they are taken under the room's row lock, which is the last lock of every action.
"""

from typing import Any

from django.db import connection

from accounts.models import User
from liveshop import bus, wiring
from rooms.models import RoomEvent

# kind → what happened. docs/events.md says the same, and a test keeps them equal.
KINDS: dict[str, str] = {
    "show_planned": "A show was planned or its plan changed",
    "show_cancelled": "A planned show was taken back",
    "show_started": "The anchor went live",
    "show_interrupted": "The stream was lost; the room waits for it",
    "show_resumed": "The stream is back",
    "show_ended": "The show is over",
    "room_banned": "An operator closed the room",
    "room_unbanned": "An operator opened the room again",
    "video_started": "The room's stream is on air",
    "replay_ready": "A recording of the room's show is complete and can be watched",
    "pinned": "A product is being shown",
    "unpinned": "No product is being shown",
    "shelf_changed": "A product was added, removed or moved",
    "cover_changed": "The room has another cover picture",
    "notice_changed": "The notice board has a new text",
    "modes_changed": "Slow mode, followers-only or approval was switched",
    "words_changed": "The room's word list was edited; no viewer panel changes",
    "moderators_changed": "A moderator came, went or got other powers; no viewer panel changes",
    "person_muted": "Somebody was muted in the room; no viewer panel changes",
    "person_banned": "Somebody was banned from the room; no viewer panel changes",
    "sanction_lifted": "A mute or ban was lifted; no viewer panel changes",
    "drop_pressed": "A deal or coupon opens in the room",
    "drop_undone": "The anchor took a drop back within its three seconds",
    "deal_frozen": "A deal takes no new claims; holds are kept",
    "deal_unfrozen": "A frozen deal takes claims again",
    "deal_ended": "A deal is over",
    "deal_sold_out": "The last unit of a deal was taken",
    "deal_restocked": "Units of a sold-out deal came back",
    "coupon_ended": "A coupon can no longer be taken",
    "stock_changed": "Stock or price of a product on the shelf changed",
}


def publish_in_tx(*, room_id: int, kind: str, panels: list[str], actor: User | None = None, facts: dict[str, Any] | None = None) -> int:
    """Number the event, store it and tell every process at commit. Call it last: it takes the room's row lock.

    Returns the event's `seq`. Raises ValueError for an unknown kind, RuntimeError outside a transaction.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown room event {kind!r}")
    if not connection.in_atomic_block:
        raise RuntimeError("publish_in_tx needs the caller's transaction")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rooms_room SET seq = seq + 1 WHERE id = %s RETURNING seq", [room_id])
        row = cursor.fetchone()
    seq = int(row[0])
    RoomEvent.objects.create(room_id=room_id, seq=seq, kind=kind, panels=panels, actor=actor, facts=facts or {})
    bus.notify_in_tx("room", {"room": room_id, "seq": seq, "kind": kind, "panels": panels})
    for path in wiring.ROOM_EVENTS:
        wiring.load(path)(room_id, kind)
    return seq
