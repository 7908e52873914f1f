"""How a demo viewer comes in: by the page's own ticket, with the session of a demo account or as a guest."""

import json
from urllib.request import Request, urlopen

from rooms.crowd import PHONE


def ticket(base: str, slug: str, session: str) -> str:
    """A join ticket as the room's page fetches it; `session` is the cookie of a demo account, empty for a guest."""
    request = Request(f"{base}/live/{slug}/ticket", headers={"Cookie": f"sessionid={session}", "User-Agent": PHONE})  # noqa: S310 - our own server
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        return str(json.load(answer)["ticket"])
