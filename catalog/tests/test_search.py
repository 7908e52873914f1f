"""Search: Chinese words, pieces of words, filters and the order of results."""

import pytest
from django.db import transaction

from catalog import search
from catalog.models import Category, ProductState
from catalog.search import Wanted
from tests import cast


def stocked(title: str, **fields):
    product = cast.make_product(title=title, **fields)
    with transaction.atomic():
        search.index_in_tx(product)
    return product


def titles(text: str, wanted: Wanted | None = None) -> list[str]:
    return [product.title for product in search.find(text, wanted).products]


@pytest.mark.django_db
class TestFind:
    @pytest.mark.parametrize("asked", ["羊毛被", "羊毛", "毛被", "被 羊毛", "ＡＢＣ", "abc12", "的羊毛被", "加厚羊毛被"])
    def test_finds_by_word_pair_latin_and_width(self, asked):
        stocked("秋冬加厚羊毛被 ABC123")
        stocked("安溪铁观音")
        assert titles(asked) == ["秋冬加厚羊毛被 ABC123"]

    def test_all_words_before_any_word(self):
        stocked("纯棉毛巾")
        stocked("纯棉袜子")
        assert titles("纯棉 毛巾") == ["纯棉毛巾"]
        loose = search.find("纯棉 手机")
        assert loose.is_loose
        assert loose.total == 2

    def test_the_title_counts_more_than_the_details(self):
        stocked("茶杯", description="配苹果吃")
        stocked("洛川苹果")
        assert titles("苹果") == ["洛川苹果", "茶杯"]

    @pytest.mark.parametrize("text", ["'", "' | '", "a & b:*", "\\", "!!", "):*", "''''", "%", "\x07苹果"])
    def test_no_text_breaks_the_query(self, text):
        stocked("洛川苹果")
        search.find(text)

    def test_drafts_and_closed_shops_are_not_found(self):
        stocked("洛川苹果甲", state=ProductState.DRAFT)
        closed = stocked("洛川苹果乙")
        closed.shop.is_open = False
        closed.shop.save()
        assert titles("苹果") == []

    def test_filters_and_orders(self):
        wear = Category.objects.create(slug="wear", name="服饰")
        stocked("棉袜", price_fen=990, category=wear)
        stocked("羊毛袜", price_fen=2990, category=wear)
        stocked("袜子形状的苹果", price_fen=1990)
        assert titles("袜", Wanted(category=wear, sort="cheap")) == ["棉袜", "羊毛袜"]
        assert titles("", Wanted(sort="dear")) == ["羊毛袜", "袜子形状的苹果", "棉袜"]
        assert titles("袜", Wanted(min_fen=1000, max_fen=2000)) == ["袜子形状的苹果"]
