"""Good-goods alliance (好物联盟): plans, pool, links, clicks, attribution and commissions.

A sale finds its anchor once, when the order is placed, and the answer is frozen on the line.
Commissions are append-only rows; the money itself is in `ledger`.
"""
