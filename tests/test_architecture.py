"""The house stands as docs/architecture.md says."""

from liveshop.architecture import REPOSITORY, broken_rules, wrong_imports, wrong_names
from liveshop.checks import all_paths, broken_paths


def test_every_package_imports_only_what_stands_left_of_it() -> None:
    assert broken_rules() == []


def test_an_import_to_the_right_is_found_wherever_it_hides() -> None:
    hidden = "def late():\n    from orders.models import Order\n    return Order\n"
    assert list(wrong_imports(REPOSITORY / "catalog" / "stock.py", hidden)) == ["catalog/stock.py:2: catalog may not import orders"]
    assert list(wrong_imports(REPOSITORY / "orders" / "paying.py", "import catalog.stock")) == []


def test_a_name_that_says_nothing_is_found() -> None:
    assert list(wrong_names(REPOSITORY / "orders" / "utils.py")) == ["orders/utils.py: “utils” does not say what is inside"]


def test_each_wired_path_leads_to_something_callable() -> None:
    assert len(list(all_paths())) > 10
    assert list(broken_paths()) == []
