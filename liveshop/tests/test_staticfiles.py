"""Static files while servers are replaced one by one."""

from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from liveshop.staticfiles import ServedStatic


@pytest.fixture
def packed(tmp_path: Path, settings: Any) -> ServedStatic:
    root = tmp_path / "static"
    (root / "js").mkdir(parents=True)
    (root / "js" / "room.old.js").write_text("old")
    (tmp_path / "secret").write_text("secret")
    settings.STATIC_ROOT, settings.WHITENOISE_USE_FINDERS, settings.WHITENOISE_AUTOREFRESH = str(root), False, False
    return ServedStatic(lambda _request: HttpResponse("site", status=404))


def test_what_a_newer_version_packed_is_found(packed: ServedStatic, rf: RequestFactory) -> None:
    root = Path(packed.static_root)
    assert b"".join(packed(rf.get("/static/js/room.old.js"))) == b"old"
    assert packed(rf.get("/static/js/room.new.js")).status_code == 404
    (root / "js" / "room.new.js").write_text("new")
    assert b"".join(packed(rf.get("/static/js/room.new.js"))) == b"new"


@pytest.mark.parametrize(
    "path", ["/static/../secret", "/static/js/../../secret", "/static//etc/passwd", "/static/js", "/static/", "/static/\0"]
)
def test_nothing_else_is(packed: ServedStatic, rf: RequestFactory, path: str) -> None:
    assert packed(rf.get(path)).status_code == 404
