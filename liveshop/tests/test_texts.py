"""The translation check finds what it is for."""

import pytest

from liveshop import texts, translations


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('_("Buy" " now")', [(None, "Buy now", None)]),
        ('gettext_lazy("Buy")', [(None, "Buy", None)]),
        ('ngettext("one", "many", n)', [(None, "one", "many")]),
        ('pgettext_lazy("verb", "order")', [("verb", "order", None)]),
        ("_(name)", []),
        ('other("Buy")', []),
    ],
)
def test_texts_in_python(source: str, found: list[tuple[str | None, str, str | None]]) -> None:
    assert [(text.context, text.singular, text.plural) for text in texts.texts_in_python(source, "x.py")] == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{% translate 'Buy now' %}", [(None, "Buy now", None)]),
        ('{% translate "It\'s over" %}', [(None, "It's over", None)]),
        ("{% blocktranslate with n=x %}{{ n }} left{% endblocktranslate %}", [(None, "%(n)s left", None)]),
        ("{% blocktranslate count n=x %}one{% plural %}many{% endblocktranslate %}", [(None, "one", "many")]),
        ('{% translate "order" context "verb" %}', [("verb", "order", None)]),
        ('{% include "a.html" with title=_("Shelf") %}', [(None, "Shelf", None)]),
        ("{% comment %}{% translate 'Old' %}{% endcomment %}", []),
    ],
)
def test_texts_in_templates(source: str, found: list[tuple[str | None, str, str | None]]) -> None:
    assert [(text.context, text.singular, text.plural) for text in texts.texts_in_template(source, "x.html")] == found


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p>{% translate 'Buy' %}</p>", []),
        ("<p>Buy {{ name }}</p>", ["Buy"]),
        ('<input placeholder="Say something">', ["Say something"]),
        ("<img alt='{% translate \"Cover\" %}'>", []),
        ("<script>const word = 'x'</script><style>p {color: red}</style>", []),
        ("<p>{% blocktranslate %}Buy <b>now</b>{% endblocktranslate %}</p>", []),
        ("<p>liveshop · SKU</p>", []),
        ("{% block body_class %}room-page{% endblock %}", []),
        ('{% if x %} hx-post="{{ url }}" hx-swap="outerHTML"{% endif %}', []),
    ],
)
def test_words_no_translation_can_reach(source: str, words: list[str]) -> None:
    assert texts.bare_words(source) == words


def test_the_site_has_texts_in_python_and_in_templates() -> None:
    places = {text.place.rsplit(".", 1)[1].split(":")[0] for text in texts.found_texts()}
    assert places == {"py", "html"}


def test_the_areas_agree_on_every_text() -> None:
    assert len(translations.merged(translations.LOCALE / texts.LANGUAGE)) > 50
