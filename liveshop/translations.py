"""Translations: `locale/<language>/<area>.po` are the sources, one small file an area; `compile_all` makes Django's one .mo of them.

Needs no gettext programs, only polib. Run as `python -m liveshop.translations`.
"""

from pathlib import Path

import polib

LOCALE = Path(__file__).resolve().parent.parent / "locale"


class TranslationsDisagree(Exception):
    """Two areas translate one text differently."""


def compile_all() -> list[Path]:
    """Write `<language>/LC_MESSAGES/django.mo` for each language; returns the files written."""
    written = []
    for folder in sorted(path for path in LOCALE.iterdir() if path.is_dir()):
        catalogue = merged(folder)
        target = folder / "LC_MESSAGES" / "django.mo"
        target.parent.mkdir(exist_ok=True)
        catalogue.save_as_mofile(str(target))
        written.append(target)
    return written


def merged(folder: Path) -> polib.POFile:
    """All areas of one language as one catalogue. Raises TranslationsDisagree."""
    whole = polib.POFile()
    whole.metadata = {"Content-Type": "text/plain; charset=UTF-8", "Plural-Forms": "nplurals=1; plural=0;"}
    seen: dict[tuple[str | None, str], polib.POEntry] = {}
    for source in sorted(folder.glob("*.po")):
        for entry in polib.pofile(str(source)):
            key = (entry.msgctxt, entry.msgid)
            if key not in seen:
                seen[key] = entry
                whole.append(entry)
            elif (seen[key].msgstr, seen[key].msgstr_plural) != (entry.msgstr, entry.msgstr_plural):
                raise TranslationsDisagree(f"{source.name}: “{entry.msgid}” is “{entry.msgstr}” here and “{seen[key].msgstr}” elsewhere")
    return whole


if __name__ == "__main__":
    for path in compile_all():
        print(path)  # noqa: T201 - a command line tool speaks
