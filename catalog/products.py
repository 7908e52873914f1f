"""What merchants do with their goods: write, price, show, publish and take off. Stock moves in `catalog.stock`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.models import User
from catalog import pictures, prices, search, words
from catalog.models import Belt, Category, Product, ProductPicture, ProductSource, ProductState, Shop, Sku
from liveshop.refusals import Code, Refused

MAX_PICTURES = 9
MAX_SKUS = 60
LARGEST_PRICE_FEN = 100_000_000


@dataclass(frozen=True, slots=True)
class Texts:
    """What a product says of itself."""

    title: str
    category: Category
    brief: str = ""
    description: str = ""
    belt: Belt | None = None
    source: int = ProductSource.ORIGIN
    merchant_code: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """A SKU to be: its name, price and first stock."""

    price_fen: int
    stock: int = 0
    name: str = ""
    merchant_code: str = ""


def create(*, shop: Shop, by: User, texts: Texts, variants: list[Variant]) -> Product:
    """A new draft with its SKUs. Raises Refused(WORD_REFUSED) for an advertising word, INVALID for no SKU or a code used before."""
    access.require(by, access.Power.MANAGE_SHOP, shop)
    with transaction.atomic(durable=True):
        product = create_in_tx(shop=shop, by=by, texts=texts, variants=variants)
    return product


def create_in_tx(*, shop: Shop, by: User, texts: Texts, variants: list[Variant]) -> Product:
    """`create` inside the caller's transaction; rights are the caller's."""
    _in_transaction()
    check_texts(texts)
    if not variants:
        raise Refused(Code.INVALID, why=_("A product needs at least one variant"))
    if texts.merchant_code and Product.objects.filter(shop=shop, merchant_code=texts.merchant_code).exists():
        raise Refused(Code.INVALID, why=_("You use this code for another product"))
    product = Product.objects.create(shop=shop, **_fields(texts))
    for variant in variants:
        add_sku_in_tx(product=product, by=by, variant=variant)
    search.index_in_tx(product)
    return product


def edit(*, product: Product, by: User, texts: Texts) -> None:
    """Change what the product says. Orders keep the words they were placed with."""
    access.require(by, access.Power.MANAGE_SHOP, product.shop)
    with transaction.atomic(durable=True):
        edit_in_tx(product=product, texts=texts)


def edit_in_tx(*, product: Product, texts: Texts) -> None:
    """`edit` inside the caller's transaction; rights are the caller's."""
    _in_transaction()
    check_texts(texts)
    twin = Product.objects.filter(shop=product.shop_id, merchant_code=texts.merchant_code).exclude(pk=product.pk)
    if texts.merchant_code and twin.exists():
        raise Refused(Code.INVALID, why=_("You use this code for another product"))
    for name, value in _fields(texts).items():
        setattr(product, name, value)
    product.save(update_fields=[*_fields(texts), "updated_at"])
    search.index_in_tx(product)


def add_sku(*, product: Product, by: User, variant: Variant) -> Sku:
    """One more variant. Raises Refused(INVALID) for a name the product has, or a price of nothing."""
    access.require(by, access.Power.MANAGE_SHOP, product.shop)
    with transaction.atomic(durable=True):
        return add_sku_in_tx(product=product, by=by, variant=variant)


def add_sku_in_tx(*, product: Product, by: User, variant: Variant) -> Sku:
    """`add_sku` inside the caller's transaction. Its first price is the first row of its history."""
    _in_transaction()
    _check_price(variant.price_fen)
    Product.objects.select_for_update(no_key=True, of=("self",)).get(pk=product.pk)
    known = product.skus.aggregate(last=Max("position"))
    if product.skus.filter(name=variant.name).exists() or product.skus.count() >= MAX_SKUS:
        raise Refused(Code.INVALID, why=_("The product has this variant already"))
    sku = Sku.objects.create(
        product=product,
        name=variant.name,
        merchant_code=variant.merchant_code,
        price_fen=variant.price_fen,
        stock_total=variant.stock,
        stock_available=variant.stock,
        position=0 if known["last"] is None else known["last"] + 1,
    )
    prices.note_in_tx(sku=sku, by=by)
    return sku


def set_price(*, sku: Sku, by: User, price_fen: int, list_price_fen: int | None = None) -> None:
    """A new price and struck price. Raises Refused(INVALID) for a struck price that was never asked."""
    access.require(by, access.Power.MANAGE_SHOP, sku.product.shop)
    with transaction.atomic(durable=True):
        set_price_in_tx(sku=sku, by=by, price_fen=price_fen, list_price_fen=list_price_fen)


def set_price_in_tx(*, sku: Sku, by: User, price_fen: int, list_price_fen: int | None = None) -> None:
    """`set_price` inside the caller's transaction: the change and its history row are written together."""
    _in_transaction()
    _check_price(price_fen)
    before = Sku.objects.select_for_update(no_key=True, of=("self",)).get(pk=sku.pk)
    if list_price_fen is not None:
        prices.require_real(sku=before, list_price_fen=list_price_fen, price_fen=price_fen)
    Sku.objects.filter(pk=sku.pk).update(price_fen=price_fen, list_price_fen=list_price_fen)
    sku.price_fen, sku.list_price_fen = price_fen, list_price_fen
    if before.price_fen != price_fen:
        prices.note_in_tx(sku=sku, by=by)
        audit.record_in_tx(
            actor=by, action="price_changed", subject=f"sku:{sku.public_id}", before={"fen": before.price_fen}, after={"fen": price_fen}
        )


def publish(*, product: Product, by: User) -> None:
    """Put it on sale. The words are asked again: the list may have grown since it was written."""
    access.require(by, access.Power.MANAGE_SHOP, product.shop)
    with transaction.atomic(durable=True):
        check_words(product.title, product.brief, product.description)
        if not product.skus.exists():
            raise Refused(Code.INVALID, why=_("A product needs at least one variant"))
        Product.objects.filter(pk=product.pk).update(state=ProductState.ON_SALE)
    product.state = ProductState.ON_SALE


def take_off(*, product: Product, by: User) -> None:
    """Off the shelf everywhere; what people hold or bought is not touched."""
    access.require(by, access.Power.MANAGE_SHOP, product.shop)
    with transaction.atomic(durable=True):
        Product.objects.filter(pk=product.pk).update(state=ProductState.OFF_SHELF)
    product.state = ProductState.OFF_SHELF


def add_picture(*, product: Product, by: User, upload: BinaryIO, size: int) -> ProductPicture:
    """One more picture at the end; the first is the cover."""
    access.require(by, access.Power.MANAGE_SHOP, product.shop)
    _require_room(product)  # before files are written
    path = pictures.store(upload, size)
    with transaction.atomic(durable=True):
        Product.objects.select_for_update(no_key=True, of=("self",)).get(pk=product.pk)
        last = product.pictures.aggregate(last=Max("position"))["last"]
        _require_room(product)
        return ProductPicture.objects.create(product=product, path=path, alt=product.title, position=0 if last is None else last + 1)


def _require_room(product: Product) -> None:
    if product.pictures.count() >= MAX_PICTURES:
        raise Refused(Code.LIMIT_PER_USER, limit=MAX_PICTURES)


def remove_picture(*, product: Product, by: User, position: int) -> None:
    """Take one picture away; the next one becomes the cover."""
    access.require(by, access.Power.MANAGE_SHOP, product.shop)
    with transaction.atomic(durable=True):
        ProductPicture.objects.filter(product=product, position=position).delete()


def shown_sku(skus: Sequence[Sku]) -> Sku | None:
    """The SKU that a card stands for, in the order of the product: the first that can be had, else the first."""
    return next((sku for sku in skus if sku.stock_available), skus[0] if skus else None)


def check_texts(texts: Texts) -> None:
    """Raises Refused(INVALID | WORD_REFUSED) for texts that may not be shown."""
    if not texts.title.strip():
        raise Refused(Code.INVALID, why=_("A product needs a title"))
    check_words(texts.title, texts.brief, texts.description)


def check_words(*texts: str) -> None:
    """Raises Refused(WORD_REFUSED) with the first forbidden word."""
    for text in texts:
        word = words.banned_in(text)
        if word:
            raise Refused(Code.WORD_REFUSED, word=word)


def _fields(texts: Texts) -> dict[str, object]:
    return {
        "title": texts.title.strip(),
        "category": texts.category,
        "brief": texts.brief.strip(),
        "description": texts.description.strip(),
        "belt": texts.belt,
        "source": texts.source,
        "merchant_code": texts.merchant_code.strip(),
    }


def _check_price(price_fen: int) -> None:
    if not 0 < price_fen <= LARGEST_PRICE_FEN:
        raise Refused(Code.INVALID, why=_("The price must be above zero"))


def _in_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("this needs the caller's transaction")
