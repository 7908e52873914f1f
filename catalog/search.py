"""Search for goods in Chinese and Latin text, on PostgreSQL alone.

Text is cut into words by jieba, and every run of Chinese characters also into pairs and single characters, so that a word the
dictionary does not know is still found. The write actions keep `Product.search` current.
"""

import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jieba
from django.conf import settings
from django.contrib.postgres.search import SearchQuery
from django.db.models import F, FloatField, Func, Min, Q, QuerySet, Value
from django.db.models.expressions import RawSQL

from catalog.models import Belt, Category, Product, ProductState

HAN = re.compile(r"[\u3400-\u9fff]+")
LATIN = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?")
STOP = frozenset("的了和与及或是在有不我你他要买请")
LONGEST_QUERY = 60
PAGE = 24
SORTS = {"": "rank", "sold": "-sold_count", "cheap": "from_fen", "dear": "-from_fen", "new": "-created_at"}


@dataclass(frozen=True, slots=True)
class Found:
    """One page of results. `is_loose`: nothing held all the words, so any of them counted."""

    products: list[Product]
    total: int
    is_loose: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for beside the text."""

    category: Category | None = None
    belt: Belt | None = None
    min_fen: int | None = None
    max_fen: int | None = None
    sort: str = ""


class Exactly(SearchQuery):
    """A tsquery as we wrote it: our own words, not cut again by PostgreSQL's parser, whose view of Chinese depends on the locale."""

    def __init__(self, query: str) -> None:
        super().__init__(query, search_type="raw")
        self.query = query

    def as_sql(self, *_compiling: Any, **_options: Any) -> Any:
        return "%s::tsquery", [self.query]


def index_in_tx(product: Product) -> None:
    """Write the product's search words anew; part of each action that changes its texts."""
    weighed: dict[str, str] = {}
    belt = f"{product.belt.name} {product.belt.region}" if product.belt else ""
    for weight, text in (
        ("A", product.title),
        ("B", f"{product.category.name} {product.category.name_en} {belt} {product.shop.name}"),
        ("C", product.brief),
        ("D", product.description[:2000]),
    ):
        for token in tokens(text):
            weighed.setdefault(token, weight)
    vector = " ".join(f"'{token}':{n}{weight}" for n, (token, weight) in enumerate(weighed.items(), 1))
    Product.objects.filter(pk=product.pk).update(search=RawSQL("%s::tsvector", [vector]))


def find(text: str, wanted: Wanted | None = None, *, offset: int = 0, limit: int = PAGE) -> Found:
    """Products on sale that hold all words of the text; failing that, any of them; failing that, the text itself."""
    wanted = wanted or Wanted()
    goods = _on_sale(wanted)
    words = query_words(text)
    if not words:
        if text.strip():
            goods = goods.filter(title__icontains=text.strip()[:LONGEST_QUERY])
        return _page(goods.annotate(rank=F("sold_count")), wanted.sort, offset, limit, is_loose=False)
    for joint, is_loose in ((" & ", False), (" | ", True)):
        found = _page(_matching(goods, joint.join(words)), wanted.sort, offset, limit, is_loose=is_loose and len(words) > 1)
        if found.total:
            return found
    inside = goods.filter(Q(title__icontains=text.strip()) | Q(brief__icontains=text.strip())).annotate(rank=F("sold_count"))
    return _page(inside, wanted.sort, offset, limit, is_loose=False)


def tokens(text: str) -> list[str]:
    """The words, pairs and single characters a text is found by, each once, in order."""
    folded = fold(text)
    cut = [word for word in _cutter().lcut_for_search(folded) if HAN.fullmatch(word) or LATIN.fullmatch(word)]
    pieces = [run[i : i + size] for run in HAN.findall(folded) for size in (2, 1) for i in range(len(run) - size + 1)]
    return list(dict.fromkeys([*LATIN.findall(folded), *cut, *pieces]))


def query_words(text: str) -> list[str]:
    """The asked words as pieces of a tsquery: the word itself, or all its pairs; a Latin word also by its beginning."""
    asked = []
    for word in _cutter().lcut(fold(text)[:LONGEST_QUERY]):
        if word in STOP:
            continue
        if LATIN.fullmatch(word):
            asked.append(f"'{word}':*")
        elif HAN.fullmatch(word):
            pairs = " & ".join(f"'{word[i : i + 2]}'" for i in range(len(word) - 1))
            asked.append(f"('{word}' | ({pairs}))" if len(word) > 2 else f"'{word}'")
    return list(dict.fromkeys(asked))


def suggestions(limit: int = 8) -> list[str]:
    """What to try when nothing was found or asked: the names of categories that have goods."""
    names: Iterable[str] = (
        Category.objects.filter(products__state=ProductState.ON_SALE).order_by("position", "id").values_list("name", flat=True).distinct()
    )
    return list(dict.fromkeys(names))[:limit]


def fold(text: str) -> str:
    """NFKC and lower case: full-width letters and digits are the usual ones."""
    return unicodedata.normalize("NFKC", text).casefold()


def _on_sale(wanted: Wanted) -> QuerySet[Product]:
    goods = Product.objects.filter(state=ProductState.ON_SALE, shop__is_open=True).annotate(from_fen=Min("skus__price_fen"))
    goods = goods.filter(from_fen__isnull=False)
    if wanted.category:
        goods = goods.filter(Q(category=wanted.category) | Q(category__parent=wanted.category))
    if wanted.belt:
        goods = goods.filter(belt=wanted.belt)
    if wanted.min_fen is not None:
        goods = goods.filter(from_fen__gte=wanted.min_fen)
    if wanted.max_fen is not None:
        goods = goods.filter(from_fen__lte=wanted.max_fen)
    return goods


def _matching(goods: QuerySet[Product], query: str) -> QuerySet[Product]:
    rank = Func(F("search"), RawSQL("%s::tsquery", [query]), Value(2), function="ts_rank", output_field=FloatField())
    return goods.filter(search=Exactly(query)).annotate(rank=rank)


def _page(goods: QuerySet[Product], sort: str, offset: int, limit: int, *, is_loose: bool) -> Found:
    order = "-rank" if SORTS.get(sort, "rank") == "rank" else SORTS[sort]
    rows = goods.select_related("shop", "belt", "category").prefetch_related("pictures", "skus").order_by(order, "-sold_count", "-id")
    return Found(list(rows[offset : offset + limit]), goods.count(), is_loose)


@cache
def _cutter() -> jieba.Tokenizer:
    """The dictionary takes about a second to load, once a process."""
    jieba.setLogLevel(logging.WARNING)
    cutter = jieba.Tokenizer()
    cutter.tmp_dir = settings.HOME  # its own choice, /tmp/jieba.cache, may be another user's
    return cutter
