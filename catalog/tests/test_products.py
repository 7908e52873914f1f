"""Products: prices with proof, words, pictures without hidden data, and who may do what."""

from io import BytesIO

import pytest
from PIL import Image

from catalog import prices, products
from catalog.models import Category, PriceChange, Product, ProductState, Sku
from catalog.products import Texts, Variant
from liveshop.refusals import Code, Refused
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop():
    return cast.make_shop()


@pytest.fixture
def texts():
    return Texts("洛川苹果", Category.objects.create(slug="fruit", name="水果"))


def made(shop, texts) -> Product:
    return products.create(shop=shop, by=shop.owner, texts=texts, variants=[Variant(3990, 10, "5斤"), Variant(6990, 5, "10斤")])


def test_a_new_product_is_a_searchable_draft_with_a_history(shop, texts):
    product = made(shop, texts)
    assert product.state == ProductState.DRAFT
    assert [sku.stock_total for sku in product.skus.all()] == [10, 5]
    assert PriceChange.objects.filter(sku__product=product).count() == 2
    assert Product.objects.get(pk=product.pk).search


@pytest.mark.parametrize("field", ["title", "brief", "description"])
def test_a_forbidden_word_is_refused_by_name_and_nothing_is_written(shop, texts, field):
    bad = Texts(**{"title": "洛川苹果", "category": texts.category} | {field: "全网最低价"})
    with pytest.raises(Refused) as refusal:
        made(shop, bad)
    assert refusal.value.code == Code.WORD_REFUSED
    assert refusal.value.facts["word"] in "全网最低价"
    assert not Product.objects.exists()


def test_a_price_never_asked_may_not_be_struck(shop, texts):
    sku = made(shop, texts).skus.first()
    with pytest.raises(Refused):
        products.set_price(sku=sku, by=shop.owner, price_fen=2990, list_price_fen=9990)
    sku.refresh_from_db()
    assert (sku.price_fen, sku.list_price_fen) == (3990, None)
    products.set_price(sku=sku, by=shop.owner, price_fen=2990, list_price_fen=3990)
    sku.refresh_from_db()
    assert (sku.price_fen, sku.list_price_fen) == (2990, 3990)
    assert list(PriceChange.objects.filter(sku=sku).order_by("at").values_list("price_fen", flat=True)) == [3990, 2990]
    drawn = prices.history(sku)
    assert (drawn.low_fen, drawn.high_fen) == (2990, 3990)


@pytest.mark.parametrize("price_fen", [0, -1, products.LARGEST_PRICE_FEN + 1])
def test_senseless_prices_are_refused(shop, texts, price_fen):
    sku = made(shop, texts).skus.first()
    with pytest.raises(Refused):
        products.set_price(sku=sku, by=shop.owner, price_fen=price_fen)
    assert Sku.objects.get(pk=sku.pk).price_fen == 3990


def test_an_outsider_may_do_nothing(shop, texts, viewer):
    product = made(shop, texts)
    sku = product.skus.first()
    for act in (
        lambda: products.create(shop=shop, by=viewer, texts=texts, variants=[Variant(1)]),
        lambda: products.edit(product=product, by=viewer, texts=texts),
        lambda: products.set_price(sku=sku, by=viewer, price_fen=1),
        lambda: products.publish(product=product, by=viewer),
        lambda: products.take_off(product=product, by=viewer),
        lambda: products.add_sku(product=product, by=viewer, variant=Variant(1, name="x")),
        lambda: products.remove_picture(product=product, by=viewer, position=0),
    ):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.code == Code.FORBIDDEN
    product.refresh_from_db()
    assert (product.state, product.skus.count(), Product.objects.count()) == (ProductState.DRAFT, 2, 1)


def test_pictures_lose_their_hidden_data_and_come_in_two_sizes(shop, texts, settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    raw = BytesIO()
    Image.new("RGB", (1600, 1200), "red").save(raw, "JPEG", exif=exif)
    product = made(shop, texts)
    picture = products.add_picture(product=product, by=shop.owner, upload=BytesIO(raw.getvalue()), size=len(raw.getvalue()))
    large = tmp_path / picture.path.removeprefix("media:")
    assert b"SecretCamera" not in large.read_bytes()
    assert Image.open(large).size == (1080, 810)
    assert Image.open(large.with_name(large.stem + ".s.webp")).size == (360, 270)
    with pytest.raises(Refused):
        products.add_picture(product=product, by=shop.owner, upload=BytesIO(b"<svg onload=alert(1)>"), size=20)
    assert product.pictures.count() == 1
    webp = BytesIO()
    Image.new("RGB", (60, 60), "red").save(webp, "WEBP", exif=exif)
    broken = webp.getvalue().replace(b"MM\0*", b"XX??").replace(b"II*\0", b"XX??")
    assert broken != webp.getvalue()
    with pytest.raises(Refused):
        products.add_picture(product=product, by=shop.owner, upload=BytesIO(broken), size=len(broken))
    files = len(list(tmp_path.rglob("*.webp")))
    monkeypatch.setattr(products, "MAX_PICTURES", 1)
    with pytest.raises(Refused):
        products.add_picture(product=product, by=shop.owner, upload=BytesIO(raw.getvalue()), size=len(raw.getvalue()))
    assert len(list(tmp_path.rglob("*.webp"))) == files, "no file is left of it"
