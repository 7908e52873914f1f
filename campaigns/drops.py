"""Drops: a deal or coupon opening in a room, pressed now or at a planned time, taken back within three seconds."""

from accounts.models import User
from campaigns.models import Coupon
from rooms import events

PANELS = ["drops", "shelf"]


def coupon_changed_in_tx(coupon: Coupon, kind: str, by: User | None) -> None:
    """Show a coupon's new state in its room."""
    if coupon.room_id is not None:
        events.publish_in_tx(room_id=coupon.room_id, kind=kind, panels=PANELS, actor=by, facts={"coupon": coupon.public_id})
