"""Who is shown to whom: the feed of live rooms and its order.

The order is a pure function of public figures, so that anyone can check it.
"""
