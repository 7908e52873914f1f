"""The demo's own texts obey the rules the site enforces."""

import json
from pathlib import Path

import pytest

from catalog import words

GOODS = json.loads((Path(__file__).parents[2] / "demo/content/goods.json").read_text(encoding="utf-8"))
PEOPLE = json.loads((Path(__file__).parents[2] / "demo/content/people.json").read_text(encoding="utf-8"))


@pytest.mark.django_db
def test_no_demo_text_holds_a_forbidden_word():
    words.forget()
    texts = [good[part] for good in GOODS for part in ("title", "brief")] + [
        one[part] for one in PEOPLE["anchors"] for part in ("title", "bio")
    ]
    assert len(texts) > 140
    assert [(text, words.banned_in(text)) for text in texts if words.banned_in(text)] == []
