"""CSV both ways: what Excel writes is read, what we write comes back equal, and a wrong row stops only its product."""

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from catalog import imports, sheets
from catalog.models import Category, ImportJob, PriceChange, Product, Sku
from catalog.sheets import Row
from catalog.tasks import import_goods
from liveshop.refusals import Refused
from tests import cast

CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).map(str.strip).filter(lambda s: not s.startswith('="'))
ROWS = st.lists(
    st.builds(Row, **dict.fromkeys(sheets.COLUMNS, CELL)).filter(lambda row: any(getattr(row, c) for c in sheets.COLUMNS)), max_size=6
)
FILE = "商家编码,标题,规格,售价,库存,类目\nA1,洛川苹果,5斤,39.90,100,水果\nA1,洛川苹果,10斤,¥69.9,50,水果\nB2,全网最低价的梨,,19.9,10,水果\nC3,香梨,,abc,x,木头\n"


@given(rows=ROWS)
def test_export_reads_back_equal(rows):
    assert sheets.read(sheets.write(rows)) == rows


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'=1", "'"])
def test_no_exported_cell_can_run(cell):
    assert sheets.harmless(cell).startswith("'")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings_are_found_out(encoding):
    assert sheets.read(sheets.decode(FILE.encode(encoding)))[0].title == "洛川苹果"


@pytest.mark.parametrize(
    ("cell", "fen"),
    [
        ("39.9", 3990),
        ("¥1,299.00", 129900),
        ("39.90元", 3990),
        ("３９", 3900),
        ("0.01", 1),
        ("1.234", None),
        ("-1", None),
        ("", None),
        ("NaN", None),
        ("1e400", None),
    ],
)
def test_prices_as_people_type_them(cell, fen):
    assert sheets.fen_of(cell) == fen


@pytest.mark.parametrize(
    "text", ["sep=;\ncode;title;price;stock;category\n1;x;1;1;水果", "code\ttitle\tprice\tstock\tcategory\n1\tx\t1\t1\t水果\n\n"]
)
def test_quirks_of_spreadsheets(text):
    assert [row.code for row in sheets.read(text)] == ["1"]


def test_a_file_without_its_columns_is_refused_by_name():
    with pytest.raises(Refused) as refusal:
        sheets.read("foo,bar\n1,2\n")
    assert "price" in refusal.value.facts["why"]


@pytest.mark.django_db(transaction=True)
class TestImport:
    @pytest.fixture
    def shop(self):
        Category.objects.create(slug="fruit", name="水果", name_en="Fruit")
        return cast.make_shop()

    def job(self, shop, text=FILE) -> ImportJob:
        job = imports.start(shop=shop, by=shop.owner, raw=text.encode("gb18030"), file_name="x.csv")
        assert imports.begin(job=job, by=shop.owner)
        imports.run(job)
        job.refresh_from_db()
        return job

    def test_errors_are_told_by_row_and_column_and_the_rest_comes_in(self, shop):
        preview = imports.preview(imports.start(shop=shop, by=shop.owner, raw=FILE.encode(), file_name="x.csv"))
        assert (preview.new, preview.known, Product.objects.count()) == (3, 0, 0)
        job = self.job(shop)
        told = {(e["row"], e["column"], e["problem"]) for e in job.errors}
        assert told == {(4, "title", "word"), (5, "price", "price"), (5, "stock", "stock"), (5, "category", "category")}
        assert job.errors == preview.errors
        assert (job.created_count, job.updated_count, job.rows_done, job.rows_total) == (1, 0, 4, 4)
        assert [(sku.name, sku.price_fen, sku.stock_available) for sku in Sku.objects.all()] == [("5斤", 3990, 100), ("10斤", 6990, 50)]

    def test_a_second_time_changes_nothing(self, shop):
        self.job(shop)
        before = list(Sku.objects.values()), list(PriceChange.objects.values())
        again = self.job(shop)
        assert (again.created_count, again.updated_count) == (0, 1)
        assert (list(Sku.objects.values()), list(PriceChange.objects.values())) == before

    def test_an_update_leaves_held_and_sold_units_alone(self, shop):
        self.job(shop)
        sku = Sku.objects.first()
        Sku.objects.filter(pk=sku.pk).update(stock_available=90, stock_held=7, stock_sold=3)
        self.job(shop, FILE.replace(",100,", ",40,"))
        sku.refresh_from_db()
        assert (sku.stock_available, sku.stock_held, sku.stock_sold, sku.stock_total) == (40, 7, 3, 50)

    def test_a_killed_job_goes_on_where_it_was(self, shop, monkeypatch):
        text = "code,title,price,stock,category\n" + "".join(f"P{n},苹果{n},9.9,5,Fruit\n" for n in range(120))
        job = imports.start(shop=shop, by=shop.owner, raw=text.encode(), file_name="x.csv")
        real, calls = imports._import_chunk, []

        def dies(*args):
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(*args)

        monkeypatch.setattr(imports, "_import_chunk", dies)
        with pytest.raises(KeyboardInterrupt):
            imports.run(job)
        job.refresh_from_db()
        assert (job.rows_done, Product.objects.count(), job.finished_at) == (50, 50, None)
        imports.run(job)
        job.refresh_from_db()
        assert (job.rows_done, job.created_count, job.updated_count, Product.objects.count()) == (120, 120, 0, 120)
        assert job.finished_at

    def test_two_workers_at_one_job_import_every_row_once(self, shop, monkeypatch):
        text = "code,title,price,stock,category\n" + "".join(f"P{n},苹果{n},9.9,5,Fruit\n" for n in range(60))
        job = imports.start(shop=shop, by=shop.owner, raw=text.encode(), file_name="x.csv")
        real = imports._import_chunk

        def beside_another(*args):
            monkeypatch.setattr(imports, "_import_chunk", real)
            imports.run(ImportJob.objects.get(pk=job.pk))
            return real(*args)

        monkeypatch.setattr(imports, "_import_chunk", beside_another)
        imports.run(job)
        job.refresh_from_db()
        assert (job.rows_done, job.created_count, job.updated_count) == (60, 60, 0)

    def test_an_import_that_nobody_works_at_says_so_and_goes_on(self, shop):
        job = imports.start(shop=shop, by=shop.owner, raw=FILE.encode(), file_name="x.csv")
        assert not imports.is_stopped(job)
        assert imports.begin(job=job, by=shop.owner)
        job.refresh_from_db()
        assert imports.is_stopped(job)
        import_goods.defer(job_id=job.public_id)
        assert not imports.is_stopped(job)
        assert not imports.begin(job=job, by=shop.owner)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
        assert imports.begin(job=job, by=shop.owner)
        imports.run(job)
        job.refresh_from_db()
        assert not imports.is_stopped(job)
        assert not imports.begin(job=job, by=shop.owner)

    def test_the_export_of_a_shop_imports_without_a_change(self, shop):
        self.job(shop)
        cast.make_product(shop=shop, title="没有编码的商品")
        before = list(sheets.rows_of(shop))
        again = self.job(shop, sheets.write(before))
        assert (again.created_count, again.updated_count, again.errors) == (0, 2, [])
        assert list(sheets.rows_of(shop)) == before
