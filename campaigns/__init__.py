"""Reasons to buy now: deals, coupons, drops, the claiming engine and the one price calculator.

Scarcity is decided by PostgreSQL in one SQL function per batch; memory only ever gives a fast "no".
`campaigns.pricing` is pure and is the only place where a price is computed.
"""
