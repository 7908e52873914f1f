"""Pages of goods and the merchant's desk, each tried by an outsider."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from catalog import search
from catalog.models import Belt, Category, ImportJob, ProductState, Shop, Sku
from catalog.tasks import import_goods
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def product():
    belt = Belt.objects.create(slug="luochuan", name="洛川苹果", region="陕西洛川", story="黄土高原")
    made = cast.make_product(belt=belt, stock=5)
    with transaction.atomic():
        search.index_in_tx(made)
    return made


def test_a_product_shows_its_seller_as_page_and_as_sheet(client, product):
    page = client.get(f"/p/{product.public_id}").content.decode()
    sheet = client.get(f"/p/{product.public_id}?room=axia", headers={"HX-Request": "true"}).content.decode()
    for shown in (page, sheet):
        assert product.shop.operator_name in shown
        assert "黄土高原" in shown
        assert f"/checkout?sku={product.skus.get().public_id}" in shown
    assert "<html" in page
    assert "<html" not in sheet
    assert "room=axia" in sheet


def test_drafts_are_hidden_and_sold_out_goods_have_no_button(client, product):
    Sku.objects.update(stock_available=0, stock_total=0)
    assert "/checkout" not in client.get(f"/p/{product.public_id}").content.decode()
    product.state = ProductState.DRAFT
    product.save()
    assert client.get(f"/p/{product.public_id}").status_code == 404
    assert client.get("/p/none").status_code == 404


@pytest.mark.parametrize(
    ("path", "seen"),
    [("/search?q=苹果", True), ("/search?q=茶", False), ("/search?min=x&belt=none&page=-1", True), ("/belt/luochuan", True)],
)
def test_search_and_belt(client, product, path, seen):
    assert (product.title in client.get(path).content.decode()) is seen


def test_the_api_lists_goods(client, product):
    listed = client.get("/api/products/").json()["results"]
    assert [one["public_id"] for one in listed] == [product.public_id]
    assert "id" not in listed[0]
    assert client.get(f"/api/products/{product.public_id}").json()["skus"][0]["price_fen"] == 3990


def test_one_form_opens_a_shop(client, viewer):
    client.force_login(viewer)
    assert client.get("/shop/items").status_code == 403
    typed = {"name": "小满果园", "operator_name": "小满果业", "ships_from": "陕西", "freight_fen": "6", "remote_freight_fen": "0"}
    assert client.post("/shop/", typed).status_code == 302
    assert Shop.objects.get().freight_fen == 600
    assert client.get("/shop/").status_code == 200


def test_the_desk_writes_and_publishes(client, product):
    client.force_login(product.shop.owner)
    fruit = Category.objects.get()
    typed = {"title": "顶级苹果", "category": fruit.pk, "source": 1, "v-price_fen": "19.90", "v-stock": "7"}
    refused = client.post("/shop/items/new", typed)
    assert refused.status_code == 422
    assert "顶级" in refused.content.decode()
    made = client.post("/shop/items/new", typed | {"title": "高山苹果"})
    public_id = made["Location"].rsplit("/", 1)[1]
    assert client.get(f"/p/{public_id}").status_code == 200  # its own shop sees the draft
    client.post(f"/shop/items/{public_id}/state", {"to": "on"})
    assert "高山苹果" in client.get("/search?q=高山").content.decode()
    assert client.get("/shop/items").status_code == 200


def test_inline_stock_and_price(client, product):
    client.force_login(product.shop.owner)
    sku, htmx = product.skus.get(), {"HX-Request": "true"}
    assert client.post(f"/shop/skus/{sku.public_id}/stock", {"units": "20", "way": "more"}, headers=htmx).status_code == 200
    assert client.post(f"/shop/skus/{sku.public_id}/stock", {"units": "99", "way": "less"}, headers=htmx).status_code == 422
    client.post(f"/shop/skus/{sku.public_id}/price", {"price": "29.9", "strike": "1"}, headers=htmx)
    sku.refresh_from_db()
    assert (sku.stock_available, sku.price_fen, sku.list_price_fen) == (25, 2990, 3990)


def test_an_import_from_upload_to_done(client, product, monkeypatch):
    monkeypatch.setattr(import_goods, "defer", lambda **options: import_goods.func(**options))
    client.force_login(product.shop.owner)
    file = SimpleUploadedFile("x.csv", "code,title,price,stock,category\nA,好苹果,9.9,3,水果\nB,顶级苹果,9.9,3,水果".encode())
    where = client.post("/shop/import", {"file": file})["Location"]
    assert "好苹果" in client.get(where).content.decode()
    client.post(where)
    page = client.get(where).content.decode()
    assert "顶级" in page
    assert "顶级" in client.get(where + "/errors.csv").content.decode()
    assert ImportJob.objects.get().created_count == 1
    assert "A,好苹果" in client.get("/shop/export").content.decode()


@pytest.mark.parametrize("who", ["guest", "outsider"])
def test_nobody_else_reaches_the_desk(client, viewer, product, who):
    job = ImportJob.objects.create(shop=product.shop, by=product.shop.owner, content="")
    if who == "outsider":
        client.force_login(viewer)
        cast.make_shop(viewer)
    sku = product.skus.get()
    gets = [f"/shop/items/{product.public_id}", f"/shop/import/{job.public_id}", f"/shop/import/{job.public_id}/errors.csv"]
    posts = [
        f"/shop/items/{product.public_id}",
        f"/shop/import/{job.public_id}",
        f"/shop/skus/{sku.public_id}/stock",
        f"/shop/skus/{sku.public_id}/price",
    ]
    posts += [f"/shop/items/{product.public_id}/{part}" for part in ("state", "skus", "pictures", "pictures/0/remove")]
    expected = 302 if who == "guest" else 403
    assert {client.get(path).status_code for path in gets} == {expected}
    assert {client.post(path, {"units": 1, "price": 1}).status_code for path in posts} == {expected}
    sku.refresh_from_db()
    assert (sku.stock_available, sku.price_fen, product.pictures.count(), product.skus.count()) == (5, 3990, 1, 1)
