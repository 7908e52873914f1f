"""What must go right. Each package imports only what stands left of it; the few calls the other way are listed here.

ledger ← accounts ← catalog ← rooms ← campaigns ← orders ← alliance ← traffic

A dotted path is `package.module:attribute`. `liveshop.checks` imports each one at start.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

# panel name → function(room) -> PanelContext; what a room page and its live updates are made of.
ROOM_PANELS: dict[str, str] = {
    "stage": "rooms.panels:stage",
    "notice": "rooms.panels:notice",
    "shelf": "campaigns.panels:shelf",
    "pin": "campaigns.panels:pin",
    "drops": "campaigns.panels:drops",
}

# The stock of a room's deals and coupons as the page's bars take it, for who catches up: function(room_id) -> dict.
STOCK_BARS = "campaigns.panels:bars"

# What a show's replay tells of the deals it had: function(show) -> Panel.
REPLAY_DEALS = "campaigns.panels:past_deals"

# A room event is about to be committed: function(room_id, kind) -> None, inside the transaction.
ROOM_EVENTS: list[str] = ["rooms.video.tier:changed_in_tx"]

# Bring this process's gauges up to date before they are read: function() -> None.
GAUGES: list[str] = ["rooms.realtime.figures:sample"]

# What happens inside the transaction when an order is placed, paid, closed: function(order) -> None.
ORDER_HOOKS: dict[str, list[str]] = {
    "placed": ["alliance.attribution:order_placed_in_tx"],
    "paid": ["alliance.commissions:order_paid_in_tx"],
    "closed": ["alliance.commissions:order_closed_in_tx"],
}

# Socket command → async handler(connection, payload) -> reply dict.
SOCKET_COMMANDS: dict[str, str] = {
    "chat": "rooms.commands:chat",
    "like": "rooms.commands:like",
    "catch_up": "rooms.commands:catch_up",
    "beat": "rooms.commands:beat",
    "claim": "campaigns.commands:claim",
    "take_coupon": "campaigns.commands:take_coupon",
    "mine": "campaigns.commands:mine_command",
}

# Socket command → function(connection, payload) that raises Refused when memory knows the "no", and else returns.
SOCKET_AT_ONCE: dict[str, str] = {
    "claim": "campaigns.commands:refuse_claim",
    "take_coupon": "campaigns.commands:refuse_coupon",
}

# What a server process does, in this order, before it stops: async function() -> None.
LEAVING: list[str] = [
    "rooms.realtime.hub:refuse_joins",
    "campaigns.claims:finish",
    "rooms.realtime.hub:send_away",
    "campaigns.claims:finish",
    "rooms.realtime.meter:write_all",
]

# A person's own state in a room (claims held, coupons, waitlist), drawn below the shared panels: function(room, user) -> str.
PERSONAL_PANEL = "campaigns.panels:mine"

# Before a user's chat line, claim or order is accepted elsewhere: who may sell on this shelf item without own stock.
SHELF_SOURCES = "alliance.pool:offers_for"

# Who shares a room or clip earns from it: function(user, product, room, make) -> path of her link, "" for none.
SHARE_LINK = "alliance.links:shared_path"

# A viewer opened a product from a room's shelf: function(item, product_id) -> None.
SHELF_CLICK = "rooms.shelf:note_click"


@cache
def load(path: str) -> Any:
    """The object behind `package.module:attribute`. Raises ImportError or AttributeError for a wrong path."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def order_hooks(event: str) -> list[Callable[..., None]]:
    """The functions to call, in order, for "placed", "paid" or "closed"."""
    return [load(path) for path in ORDER_HOOKS[event]]
