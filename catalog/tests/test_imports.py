"""CSV both ways: what Excel writes is read, what we write comes back equal, and a wrong row stops only its product."""

from pathlib import Path

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from catalog import import_checks, imports, sheets
from catalog.models import Belt, Category, ImportJob, PriceChange, Product, ProductSource, Sku
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
        assert (preview.new, preview.known, preview.left_out, Product.objects.count()) == (1, 0, 2, 0)
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

    def full(self, shop) -> Sku:
        """A product with everything a merchant can write, as it is exported."""
        belt = Belt.objects.create(slug="luochuan", name="洛川苹果带", name_en="Luochuan", region="陕西")
        self.job(shop)
        product = Product.objects.get()
        Product.objects.update(brief="脆甜", description="高原日照", belt=belt, source=ProductSource.BRAND)
        sku = product.skus.get(name="5斤")
        Sku.objects.filter(pk=sku.pk).update(list_price_fen=4990)
        return sku

    def test_columns_that_are_not_there_change_nothing(self, shop):
        sku = self.full(shop)
        Sku.objects.filter(pk=sku.pk).update(list_price_fen=3990)  # it was asked before
        before = Product.objects.values("brief", "description", "belt", "source", "state").get()
        job = self.job(shop, "code,title,variant,price,category\nA1,洛川红富士,5斤,38,水果\n")
        sku.refresh_from_db()
        assert (job.errors, job.updated_count) == ([], 1)
        assert Product.objects.values("brief", "description", "belt", "source", "state").get() == before
        assert (sku.product.title, sku.price_fen, sku.list_price_fen, sku.stock_available) == ("洛川红富士", 3800, 3990, 100)

    def test_a_struck_price_that_was_never_asked_is_told_before_and_by_its_row(self, shop):
        text = "code,title,variant,price,stock,category,list_price\nA1,洛川苹果,5斤,39.90,9,水果,\nA1,洛川苹果,10斤,69.90,9,水果,99\nA2,梨,,9.90,9,水果,\n"
        preview = imports.preview(imports.start(shop=shop, by=shop.owner, raw=text.encode(), file_name="x.csv"))
        assert [(one["row"], one["column"], one["problem"]) for one in preview.errors] == [(3, "list_price", "struck")]
        job = self.job(shop, text)
        assert (job.errors, job.created_count) == (preview.errors, 1)
        self.job(shop)
        raised = "code,title,variant,price,category,list_price\nA1,洛川苹果,5斤,36.90,水果,39.90\n"
        assert self.job(shop, raised).errors == []
        assert Sku.objects.get(name="5斤").list_price_fen == 3990, "it was asked"

    def test_a_price_above_the_struck_one_ends_the_striking(self, shop):
        sku = self.full(shop)
        job = self.job(shop, "code,title,variant,price,category\nA1,洛川苹果,5斤,59,水果\n")
        sku.refresh_from_db()
        assert (job.errors, sku.price_fen, sku.list_price_fen) == ([], 5900, None)

    def test_the_dry_run_says_what_empty_columns_take_away(self, shop):
        sku = self.full(shop)
        text = "code,title,variant,price,category,brief,belt,list_price\nA1,洛川苹果,5斤,39.90,水果,,,\n"
        preview = imports.preview(imports.start(shop=shop, by=shop.owner, raw=text.encode(), file_name="x.csv"))
        assert preview.emptied == {"brief": 1, "belt": 1, "list_price": 1}
        self.job(shop, text)
        sku.refresh_from_db()
        assert (sku.product.brief, sku.product.belt, sku.product.description, sku.list_price_fen) == ("", None, "高原日照", None)

    def test_an_export_taken_before_sales_brings_nothing_back(self, shop):
        sku = self.full(shop)
        text = sheets.write(sheets.rows_of(shop))
        Sku.objects.filter(pk=sku.pk).update(stock_available=97, stock_sold=3)
        assert imports.preview(imports.start(shop=shop, by=shop.owner, raw=text.encode(), file_name="x.csv")).stock == []
        self.job(shop, text)
        sku.refresh_from_db()
        assert (sku.stock_available, sku.stock_sold, sku.stock_total) == (97, 3, 100)

    def test_a_stock_that_was_written_is_set_and_told_before(self, shop):
        sku = self.full(shop)
        Sku.objects.filter(pk=sku.pk).update(stock_available=97, stock_sold=3)
        text = sheets.write(sheets.rows_of(shop)).replace(",97,97,", ",120,97,")
        preview = imports.preview(imports.start(shop=shop, by=shop.owner, raw=text.encode(), file_name="x.csv"))
        assert [(move.name, move.before, move.after) for move in preview.stock] == [("洛川苹果 5斤", 97, 120)]
        for _ in range(2):
            self.job(shop, text)
            sku.refresh_from_db()
            assert (sku.stock_available, sku.stock_sold, sku.stock_total) == (120, 3, 123)

    def test_new_goods_need_a_stock(self, shop):
        job = self.job(shop, "code,title,variant,price,category\nZ9,新梨,,38,水果\n")
        assert [(e["row"], e["column"], e["problem"]) for e in job.errors] == [(2, "stock", "missing")]
        assert not Product.objects.exists()

    def test_a_quote_that_nobody_closed_is_told_with_its_line(self, shop):
        text = 'code,title,price,stock,category\nA1,"洛川' + "苹果" * 80_000 + "\n"
        with pytest.raises(Refused) as refusal:
            imports.start(shop=shop, by=shop.owner, raw=text.encode(), file_name="x.csv")
        assert "第 2 行" in refusal.value.facts["why"]

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

    def test_a_real_catalogue_comes_in_with_a_few_rows_spoilt(self, shop, monkeypatch):
        """75 goods of litemall's demo shop (see NOTICE), and six rows as merchants spoil them."""
        text = (Path(__file__).parent / "data" / "litemall.csv").read_text()
        for n, name in enumerate(sorted({line.split(",")[6] for line in text.splitlines()[1:]})):
            Category.objects.create(slug=f"c{n}", name=name)
        spoilt = {
            "X1,,一件,9.9,5,,家饰,\n": (82, "title", "missing"),
            "X2,布艺靠垫,一件,九块九,5,,家饰,\n": (83, "price", "price"),
            "X3,布艺靠垫,一件,9.9,很多,,家饰,\n": (84, "stock", "stock"),
            "X4,布艺靠垫,一件,9.9,5,,家居百货,\n": (85, "category", "category"),
            "X5,全网最低靠垫,一件,9.9,5,,家饰,\n": (86, "title", "word"),
            "X6,布艺靠垫,一件,9.9,5,99,家饰,\n": (87, "list_price", "struck"),
        }
        seen, real = [], imports._import_chunk

        def watched(job, *args):
            seen.append(ImportJob.objects.get(pk=job.pk).rows_done)
            return real(job, *args)

        monkeypatch.setattr(imports, "_import_chunk", watched)
        job = self.job(shop, text + "".join(spoilt))
        assert [(e["row"], e["column"], e["problem"]) for e in job.errors] == list(spoilt.values())
        assert (job.created_count, job.rows_done, job.rows_total, Product.objects.count()) == (75, 86, 86, 75)
        assert len(seen) == 2, "the page has something to show on the way"
        assert 0 == seen[0] < seen[1] < 86
        assert self.job(shop, text).updated_count == 75

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


@pytest.mark.django_db(transaction=True)
def test_one_mistake_in_many_rows_is_told_once_with_what_could_stand_there(client, anchor):
    shop = cast.make_shop(anchor)
    Category.objects.get_or_create(slug="fruit", defaults={"name": "水果生鲜", "name_en": "Fresh fruit"})
    rows = "\n".join(f"c{n},苹果{n},¥9.90,5,{'被枕' if n < 12 else '水果生鲜'}" for n in range(14))
    job = imports.start(shop=shop, by=anchor, raw=f"code,title,price,stock,category\n{rows}\n".encode(), file_name="goods.csv")
    found = imports.preview(job)
    assert (found.new, found.known, found.left_out, len(found.errors)) == (2, 0, 12, 12)
    [trouble] = import_checks.gathered(found.errors)
    assert (trouble.rows, trouble.value, trouble.column) == (list(range(2, 14)), "被枕", "类目")
    assert "水果生鲜" in trouble.known
    client.force_login(anchor)
    page = client.get(f"/shop/import/{job.public_id}").content.decode()
    assert page.count("被枕") == 1
    assert "2, 3, 4, 5, 6, 7, 8, 9 … (12)" in page


@pytest.mark.django_db(transaction=True)
def test_a_file_with_errors_alone_cannot_be_imported_from_its_page(client, anchor):
    shop = cast.make_shop(anchor)
    job = imports.start(
        shop=shop, by=anchor, raw="code,title,price,stock,category\nc1,苹果,九块九,5,被枕\n".encode(), file_name="goods.csv"
    )
    client.force_login(anchor)
    page = client.get(f"/shop/import/{job.public_id}").content.decode()
    assert "每个商品都有错误" in page
    assert 'type="submit"' not in page.split('id="import"')[1]
