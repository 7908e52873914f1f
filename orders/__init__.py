"""Buying: checkout, orders, payment attempts and their notifications, expiry.

An order copies everything it needs on its lines when it is placed, so later edits elsewhere never change it.
Other packages hear of an order inside its own transaction through `wiring.ORDER_HOOKS`.
"""
