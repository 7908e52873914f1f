from django.db.models import Model
from django.utils import translation

from liveshop.readonly import money
from orders.models import Order


def test_money_is_listed_in_yuan_under_a_name_without_fen() -> None:
    column = money(Order, "due_fen")
    row: Model = Order(due_fen=123456)
    assert column(row) == "¥1,234.56"
    with translation.override("zh-hans"):
        assert str(column.short_description) == "应付"  # type: ignore[attr-defined]
    with translation.override("en"):
        assert str(column.short_description) == "due"  # type: ignore[attr-defined]
