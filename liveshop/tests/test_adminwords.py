from django.utils import translation

from campaigns.models import Deal
from ledger.models import Entry
from liveshop import adminwords, translations


def test_every_table_and_column_has_a_chinese_name() -> None:
    known = {
        entry.msgid
        for entry in translations.merged(translations.LOCALE / "zh_Hans")
        if entry.msgctxt == adminwords.CONTEXT and entry.msgstr
    }
    assert adminwords.words()
    assert adminwords.words() - known == set()


def test_the_menu_speaks_the_operators_language() -> None:
    with translation.override("zh-hans"):
        assert str(Deal._meta.verbose_name_plural) == "一元购"
    with translation.override("en"):
        assert (str(Deal._meta.verbose_name_plural), str(Entry._meta.verbose_name_plural)) == ("deals", "entries")
