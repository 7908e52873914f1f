"""Are all texts of the site translated? Finds them in Python and templates without gettext's programs.

`python -m liveshop.texts` fails for each text without Chinese, for Chinese or untranslated words written into a template or script,
and tells which translations nothing uses (some override texts of libraries, so that is no failure).
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import polib
from django.utils.translation.template import templatize

from liveshop import translations
from liveshop.architecture import PACKAGES, REPOSITORY

LANGUAGE = "zh_Hans"
# function name → which arguments are (singular, plural, context); the lazy and noop forms have the same shape
SHAPES = {"_": (0, None, None), "gettext": (0, None, None), "ngettext": (0, 1, None), "pgettext": (1, None, 0), "npgettext": (1, 2, 0)}
CALL = re.compile(r"(?<![\w.])(n?p?gettext|_)\(\s*((?:u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*,?\s*)+)")
CHINESE = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"[A-Za-z]{2,}")
NAMES = {
    "liveshop",
    "SKU",
    "SKUs",
    "ID",
    "API",
    "URL",
    "CSV",
    "QR",
    "GMV",
    "KPI",
    "kg",
    "Esc",
    "Enter",
    "English",
    "OBS",
    "RTMP",
    "HLS",
    "JSON",
    "EN",
}
OWN_NAMES = re.compile(r"简体中文|中文")  # a language is named in itself
BILINGUAL = {"templates/500.html", "templates/503.html"}  # drawn when nothing works any more, so it says both languages itself
SPOKEN_ATTRIBUTES = {"placeholder", "aria-label", "title", "alt"}
ATTRIBUTE = re.compile(r"""[\w:-]+=("[^"]*"|'[^']*')""")  # a fragment may be nothing but attributes for an open tag
SILENT_TAGS = {"script", "style", "svg", "code", "pre", "kbd"}


@dataclass(frozen=True)
class Text:
    """One text as gettext knows it, and where it was first found."""

    context: str | None
    singular: str
    plural: str | None
    place: str


def missing() -> list[str]:
    """Texts of the site without a Chinese translation."""
    known = {(entry.msgctxt, entry.msgid): entry for entry in translations.merged(translations.LOCALE / LANGUAGE)}
    lines = []
    for text in found_texts():
        entry = known.get((text.context, text.singular))
        if entry is None or not _is_translated(entry, text):
            lines.append(f"{text.place}: no Chinese for “{text.singular}”")
    return lines


def unused() -> list[str]:
    """Translations of texts that the site does not have."""
    used = {(text.context, text.singular) for text in found_texts()}
    return [entry.msgid for entry in translations.merged(translations.LOCALE / LANGUAGE) if (entry.msgctxt, entry.msgid) not in used]


def found_texts() -> list[Text]:
    """Every text once, in the order of the files."""
    texts: dict[tuple[str | None, str], Text] = {}
    for path in (*python_files(), *template_files()):
        source = path.read_text(encoding="utf-8")
        found = texts_in_python(source, place(path)) if path.suffix == ".py" else texts_in_template(source, place(path))
        for text in found:
            texts.setdefault((text.context, text.singular), text)
    return list(texts.values())


def texts_in_python(source: str, where: str) -> Iterator[Text]:
    """Calls of gettext's family with literal texts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            shape = SHAPES.get(re.sub(r"_(lazy|noop)$", "", name))
            literals = [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]
            if shape and literals and isinstance(literals[0], str):
                yield _text(shape, literals, f"{where}:{node.lineno}")


def texts_in_template(source: str, where: str) -> Iterator[Text]:
    """`translate` and `blocktranslate` tags and `_("…")` in expressions."""
    for call in CALL.finditer(templatize(source, origin=where)):
        literals = list(ast.literal_eval(f"({call[2].rstrip().rstrip(',')},)"))
        shape = SHAPES[call[1]]
        if len(literals) > max(index for index in shape if index is not None):
            yield _text(shape, literals, where)


def written_in() -> Iterator[str]:
    """Chinese in templates or scripts, and words in templates that no translation can reach."""
    for path in template_files():
        source = re.sub(r"\{#.*?#\}|\{% comment.*?endcomment %\}|<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        if CHINESE.search(OWN_NAMES.sub("", source)):
            yield f"{place(path)}: Chinese written into the template: {_around(CHINESE, OWN_NAMES.sub('', source))}"
        for words in bare_words(source):
            yield f"{place(path)}: not translatable: “{words}”"
    for path in sorted((REPOSITORY / "static").rglob("*.js")):
        source = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        if CHINESE.search(source):
            yield f"{place(path)}: Chinese written into the script: {_around(CHINESE, source)}"


def bare_words(source: str) -> list[str]:
    """Texts and spoken attributes of a template that stand outside of translation tags."""
    source = re.sub(r"\{%-?\s*blocktrans(?:late)?\b.*?endblocktrans(?:late)?\s*%\}", "", source, flags=re.DOTALL)
    source = re.sub(r"\{%\s*block\s+\w*class\s*%\}.*?\{%\s*endblock.*?%\}", "", source, flags=re.DOTALL)
    reader = _Reader()
    reader.feed(re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", source, flags=re.DOTALL))
    return [text for text in reader.heard if set(WORD.findall(text)) - NAMES]


class _Reader(HTMLParser):
    """Collects what a person would read or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.silence = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silence += tag in SILENT_TAGS
        self.heard += [value.strip() for name, value in attrs if name in SPOKEN_ATTRIBUTES and value and value.strip()]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.heard += [value.strip() for name, value in attrs if name in SPOKEN_ATTRIBUTES and value and value.strip()]

    def handle_endtag(self, tag: str) -> None:
        self.silence -= tag in SILENT_TAGS and self.silence > 0

    def handle_data(self, data: str) -> None:
        words = " ".join(ATTRIBUTE.sub("", data).split())
        if not self.silence and words:
            self.heard.append(words)


def python_files() -> list[Path]:
    """The packages' code without tests and history."""
    found = [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]
    return [path for path in found if not {"tests", "migrations"} & set(path.relative_to(REPOSITORY).parts)]


def template_files() -> list[Path]:
    """All templates but the demo's own content."""
    folders = [REPOSITORY / "templates", *(REPOSITORY / package / "templates" for package in PACKAGES if package != "demo")]
    return [path for folder in folders for path in sorted(folder.rglob("*.html")) if place(path) not in BILINGUAL]


def place(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def _text(shape: tuple[int, int | None, int | None], literals: Sequence[object], where: str) -> Text:
    singular, plural, context = (literals[index] if index is not None and index < len(literals) else None for index in shape)
    return Text(str(context) if context is not None else None, str(singular), str(plural) if plural is not None else None, where)


def _is_translated(entry: polib.POEntry, text: Text) -> bool:
    return all(entry.msgstr_plural.values()) and bool(entry.msgstr_plural) if text.plural is not None else bool(entry.msgstr)


def _around(pattern: re.Pattern[str], source: str) -> str:
    match = pattern.search(source)
    return " ".join(source[max(match.start() - 20, 0) : match.end() + 20].split()) if match else ""


if __name__ == "__main__":
    wrong = [*missing(), *written_in()]
    print("\n".join(wrong), end="\n" if wrong else "")  # noqa: T201 - a command line tool speaks
    left = unused()
    if left:
        print(f"unused translations ({len(left)}): {'; '.join(left[:10])}")  # noqa: T201
    sys.exit(bool(wrong))
