"""Phone numbers: one stored form (E.164), one masked form for every page."""

import re
import unicodedata

CHINA = "+86"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_MAINLAND_MOBILE = re.compile(r"1[3-9]\d{9}")
_SEPARATORS = re.compile(r"[\s().\-]+")


def to_e164(typed: str) -> str:
    """`138 0000 0000`, `０1…` full-width or `0086…` → `+8613800000000`. Raises ValueError for anything that is no number.

    A number without a country code is a mainland mobile.
    """
    number = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed))
    if number.startswith("00"):
        number = "+" + number[2:]
    elif _MAINLAND_MOBILE.fullmatch(number):
        number = CHINA + number
    elif _MAINLAND_MOBILE.fullmatch(number.removeprefix("86")):
        number = "+" + number
    if not _E164.fullmatch(number) or not number.isascii():
        raise ValueError("not a phone number")
    if number.startswith(CHINA) and not _MAINLAND_MOBILE.fullmatch(number.removeprefix(CHINA)):
        raise ValueError("not a mainland mobile number")
    return number


def mask(phone: str | None) -> str:
    """`+8613812345678` → `138****5678`; the only form in which a phone number is shown."""
    if not phone:
        return ""
    local = phone.removeprefix(CHINA)
    return f"{local[:3]}****{local[-4:]}" if len(local) >= 8 else "****"
