"""Advertising words the law forbids (广告法) in titles, notices and what an anchor writes.

Text is normalised first, so that full-width letters, case and separators between characters do not hide a word.
A word is harmless inside one of its `allowed_in` phrases: "100%棉" is a fact, "100%有效" is a promise.
"""

import time
import unicodedata
from dataclasses import dataclass

import ahocorasick

from catalog.models import BannedWord

FRESH_S = 15
SEPARATORS = frozenset(" \t\r\n·•.,，。、-_—~*|/\\'\"“”‘’!！?？:：;；()（）[]【】<>《》\u200b\u200c\u200d\u2060\ufeff")


@dataclass(frozen=True, slots=True)
class WordList:
    """The matcher over all words and harmless phrases; `spoken` maps a normalised word to the word as listed."""

    matcher: ahocorasick.Automaton
    read_at: float
    is_empty: bool


_cached: WordList | None = None


def banned_in(text: str) -> str | None:
    """The first forbidden word in the text as the list spells it, or None. An edited list counts within 15 s in every process."""
    words = _words()
    if words.is_empty:
        return None
    folded = normalise(text)
    hits = list(words.matcher.iter(folded))
    harmless = [(end - len(phrase) + 1, end) for end, (kind, phrase, _) in hits if kind == "phrase"]
    for end, (kind, word, spoken) in hits:
        start = end - len(word) + 1
        if kind == "word" and not any(begin <= start and end <= stop for begin, stop in harmless):
            return str(spoken)
    return None


def normalise(text: str) -> str:
    """NFKC, lower case, without separators and invisible characters."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char not in SEPARATORS)


def forget() -> None:
    """Read the list anew at the next question: for those who have just edited it."""
    global _cached
    _cached = None


def _words() -> WordList:
    global _cached
    if _cached is None or time.monotonic() - _cached.read_at > FRESH_S:
        _cached = _read()
    return _cached


def _read() -> WordList:
    matcher = ahocorasick.Automaton()
    for listed in BannedWord.objects.all():
        for phrase in listed.allowed_in:
            matcher.add_word(normalise(phrase), ("phrase", normalise(phrase), phrase))
        matcher.add_word(normalise(listed.word), ("word", normalise(listed.word), listed.word))
    if len(matcher):
        matcher.make_automaton()
    return WordList(matcher, time.monotonic(), not len(matcher))
