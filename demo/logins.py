"""Who one may sign in as on a demo site. Production refuses to start with the demo."""

from django.http import HttpRequest
from django.utils.translation import get_language

PASSWORD = "liveshop-demo"  # noqa: S105 - printed on purpose
LOGINS = (
    ("观众", "Viewer", "viewer"),
    ("观众", "Viewer", "viewer2"),
    ("主播", "Anchor", "axia"),
    ("主播", "Anchor", "laolin"),
    ("场控", "Moderator", "moderator"),
    ("商家", "Merchant", "nantong"),
    ("运营", "Operator", "admin"),
)


def lines() -> list[str]:
    """One line a login: user name, password, role in both languages."""
    return [f"{username:<10} {PASSWORD}  {chinese} {english}" for chinese, english, username in LOGINS]


def on_page(request: HttpRequest) -> dict[str, object]:
    """For the sign-in page of a demo site: each account with its role in the reader's language, and the password of all."""
    is_chinese = (get_language() or "").startswith("zh")
    accounts = [(chinese if is_chinese else english, username) for chinese, english, username in LOGINS]
    return {"demo_logins": accounts, "demo_password": PASSWORD}
