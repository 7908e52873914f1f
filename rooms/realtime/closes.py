"""The close codes of the sockets, of talk and of pictures, as the page understands them (docs/events.md)."""

RESTART = 1012
AWAY = 1013
OVER = 4000
TICKET = 4001  # bad, run out, or what it says of her has changed: the page asks for a new one
REFUSED = 4003
SLOW = 4008
ABUSE = 4009  # Daphne sends no code of the protocol itself
LOGGED_OUT = 4010
TOO_MANY = 4029
