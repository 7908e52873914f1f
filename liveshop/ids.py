"""Short public identifiers: primary keys never leave the server."""

import os

# No 0/O, 1/l/I: people read these aloud.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"
LENGTH = 12
# A random byte below the largest multiple of the alphabet's size is a character, any other is dropped: no character is likelier.
_FAIR = 256 - 256 % len(ALPHABET)
_CHARACTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_DROPPED = bytes(range(_FAIR, 256))


def public_id() -> str:
    """A random id of 12 characters (about 69 bits), safe in a URL."""
    return public_ids(1)[0]


def public_ids(count: int) -> list[str]:
    """Many at once, for batches."""
    drawn = ""
    while len(drawn) < count * LENGTH:
        drawn += os.urandom(count * LENGTH * 5 // 4 + LENGTH).translate(_CHARACTERS, _DROPPED).decode("ascii")
    return [drawn[start : start + LENGTH] for start in range(0, count * LENGTH, LENGTH)]
