"""The stage: rooms, shows, shelf, pins, chat, presence, moderation, events with `seq`, and the realtime hub.

An action writes its rows and a `RoomEvent` in one transaction; each process's hub then renders the touched panel once.
It knows nothing of deals, coupons or orders: their panels come in by `liveshop.wiring`.
"""
