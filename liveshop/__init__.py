"""The site itself: settings, urls, asgi, the embedded database, refusals, money, clock and ids.

It holds no business rule and no table. Every other package may import it and it imports none of them;
what must go the other way goes through `liveshop.wiring`.
"""
