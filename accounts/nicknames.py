"""Nicknames nobody can imitate: unique in a folded form, and free of words that speak for the site."""

import unicodedata

from django.utils.translation import gettext as _

from liveshop.refusals import Code, Refused

LONGEST = 24
# Words that would let a viewer pass for staff.
RESERVED = (
    *("官方", "客服", "管理员", "运营", "平台", "小二", "系统消息", "系统通知", "场控", "工作人员", "审核员"),
    *("admin", "administrator", "official", "moderator", "support", "staff", "system", "root", "liveshop"),
)
# Look-alikes left over after NFKC and casefold: Cyrillic, Greek, small capitals and digits read as letters.
_CONFUSABLE = str.maketrans(
    "авекмнорстухіјѕԁԛԝցһӏ" + "αβεικνορτυχγω" + "ıɑɡɩʟᴀᴇᴏʀꜱ" + "0135",
    "abekmhopctyxijsdqwghl" + "abeikvoptuxyw" + "iagilaeors" + "oies",
)
_TRADITIONAL = str.maketrans("員運營臺台審統訊", "员运营台台审统讯")


def clean(typed: str) -> str:
    """The nickname as it will be shown: NFKC, no control or zero-width characters, single spaces."""
    text = unicodedata.normalize("NFKC", typed)
    visible = "".join(" " if character.isspace() else character for character in text if _is_visible(character) or character.isspace())
    return " ".join(visible.split())


def fold(nickname: str) -> str:
    """The form in which nicknames are unique: look-alikes, case, accents, spaces and punctuation do not tell two apart."""
    text = unicodedata.normalize("NFKD", clean(nickname).casefold())
    letters = "".join(character for character in text if unicodedata.category(character)[0] in "LNS")
    return letters.translate(_CONFUSABLE).translate(_TRADITIONAL)[:48]


def check(typed: str) -> str:
    """`clean` form of an acceptable nickname. Raises Refused(INVALID) with the reason."""
    nickname = clean(typed)
    folded = fold(nickname)
    if not 2 <= len(nickname) <= LONGEST or not folded:
        raise Refused(Code.INVALID, why=_("A nickname has 2 to 24 characters"))
    if any(character in "<>&\"'`\\/@#" for character in nickname):
        raise Refused(Code.INVALID, why=_("A nickname has letters, digits, spaces and emoji only"))
    if any(fold(word) in folded for word in RESERVED):
        raise Refused(Code.INVALID, why=_("This nickname is reserved for the site's staff"))
    return nickname


def _is_visible(character: str) -> bool:
    # Cc control, Cf format (zero width, direction marks), Co private, Cs surrogate, Cn unassigned; Mn marks stack ("Zalgo").
    category = unicodedata.category(character)
    return category not in {"Cc", "Cf", "Co", "Cs", "Cn", "Mn", "Me"} or character == "\ufe0f"
