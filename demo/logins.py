"""Who one may sign in as on a demo site. Production refuses to start with the demo."""

PASSWORD = "liveshop-demo"  # noqa: S105 - printed on purpose
LOGINS = (
    ("观众", "viewer"),
    ("观众", "viewer2"),
    ("主播", "axia"),
    ("主播", "laolin"),
    ("场控", "moderator"),
    ("商家", "nantong"),
    ("运营", "admin"),
)


def lines() -> list[str]:
    """One line a login: role, user name, password."""
    return [f"{role}　{username}　{PASSWORD}" for role, username in LOGINS]
