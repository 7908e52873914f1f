from liveshop import adminwords, translations


def test_every_table_and_column_has_a_chinese_name() -> None:
    known = {
        entry.msgid
        for entry in translations.merged(translations.LOCALE / "zh_Hans")
        if entry.msgctxt == adminwords.CONTEXT and entry.msgstr
    }
    assert adminwords.words()
    assert adminwords.words() - known == set()
