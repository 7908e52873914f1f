"""What a QR code says: an address that the phone which reads it can open."""

from typing import Any

import pytest
from django.test import RequestFactory

from liveshop import publicurl


@pytest.mark.parametrize(
    ("host", "bind", "site", "expected"),
    [
        ("localhost:8000", "0.0.0.0", "", "http://192.168.1.7:8000/live/axia"),  # noqa: S104
        ("127.0.0.1:8000", "::", "", "http://192.168.1.7:8000/live/axia"),
        ("[::1]:8000", "::", "", "http://192.168.1.7:8000/live/axia"),
        ("localhost", "0.0.0.0", "", "http://192.168.1.7/live/axia"),  # noqa: S104
        ("localhost:8000", "127.0.0.1", "", "http://localhost:8000/live/axia"),
        ("192.168.1.9:8000", "0.0.0.0", "", "http://192.168.1.9:8000/live/axia"),  # noqa: S104
        ("localhost:8000", "0.0.0.0", "https://shop.example/", "https://shop.example/live/axia"),  # noqa: S104
    ],
)
def test_localhost_is_nobody_elses(
    rf: RequestFactory, settings: Any, monkeypatch: pytest.MonkeyPatch, host: str, bind: str, site: str, expected: str
) -> None:
    settings.BIND, settings.SITE_URL, settings.ALLOWED_HOSTS = bind, site, ["*"]
    monkeypatch.setattr(publicurl, "lan_address", lambda: "192.168.1.7")
    assert publicurl.public_url(rf.get("/", headers={"host": host}), "/live/axia") == expected


def test_without_a_network_the_address_is_as_it_was(rf: RequestFactory, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    monkeypatch.setattr(publicurl, "lan_address", lambda: "")
    assert publicurl.public_url(rf.get("/", headers={"host": "localhost:8000"}), "/x") == "http://localhost:8000/x"
