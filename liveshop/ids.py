"""Short public identifiers: primary keys never leave the server."""

import secrets

# No 0/O, 1/l/I: people read these aloud.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"
LENGTH = 12


def public_id() -> str:
    """A random id of 12 characters (about 69 bits), safe in a URL."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
