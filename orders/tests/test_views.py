"""The doors: who may open them, what they answer, what an outsider sees."""

import uuid
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from orders.models import Order, OrderState, Payment, SimulatedCharge
from orders.payments import simulator
from orders.tests import shop
from rooms.models import Room
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
SHEET = {"HX-Request": "true", "HX-Target": "checkout"}


@pytest.fixture
def browser(viewer: User) -> Client:
    return as_user(viewer)


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="accounts.backends.PasswordBackend")
    return client


def asked(viewer: User, product: cast.Product, **more: str) -> dict[str, str]:
    """A checkout form as the browser sends it."""
    sku, address = product.skus.get(), viewer.addresses.first() or shop.make_address(viewer)
    return (
        {"key": str(uuid.uuid4()), "sku": sku.public_id, "qty": "1", "address": address.public_id, "coupon": "none"}
        | {"accepted": str(sku.price_fen + product.shop.freight_fen)}
        | more
    )


def test_a_guest_who_follows_the_link_to_the_checkout_signs_in_and_comes_back(client: Client) -> None:
    where = f"/checkout?sku={cast.make_product().skus.get().public_id}"
    answer = client.get(where)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{reverse('account_login')}?{urlencode({'next': where}, safe='/')}"


def test_a_guest_is_asked_to_sign_in(client: Client) -> None:
    sku = cast.make_product().skus.get()
    answer = client.get(f"/checkout?sku={sku.public_id}", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "LOGIN_REQUIRED" in answer.content.decode()


def test_checkout_is_a_sheet_or_a_page(browser: Client, viewer: User, room: Room) -> None:
    item = shop.make_shelf(room, cast.make_product(price_fen=3990))
    shop.make_address(viewer)
    sheet = browser.get(f"/checkout?item={item.public_id}", headers=SHEET).content.decode()
    page = browser.get(f"/checkout?item={item.public_id}").content.decode()
    assert "<html" not in sheet
    assert "<html" in page
    assert 'name="accepted" value="3990"' in sheet
    assert item.product.shop.operator_name in sheet


def test_the_best_coupon_is_chosen_beforehand(browser: Client, viewer: User) -> None:
    product = cast.make_product(price_fen=3990)
    shop.make_address(viewer)
    shop.make_grant(viewer, product.shop, off_fen=300)
    shop.make_grant(viewer, product.shop, off_fen=500)
    shop.make_grant(viewer, product.shop, off_fen=900, threshold_fen=5000)
    sku = product.skus.get().public_id
    assert 'name="accepted" value="3490"' in browser.get(f"/checkout?sku={sku}").content.decode()
    assert 'name="accepted" value="7080"' in browser.get(f"/checkout?sku={sku}&qty=2").content.decode()
    assert 'name="accepted" value="3990"' in browser.get(f"/checkout?sku={sku}&coupon=none").content.decode()


def test_freight_follows_the_address(browser: Client, viewer: User) -> None:
    product = cast.make_product(cast.make_shop(freight_fen=600, remote_freight_fen=1000), price_fen=3990)
    shop.make_address(viewer)
    far = shop.make_address(viewer, province="西藏自治区")
    sku = product.skus.get().public_id
    assert 'name="accepted" value="4590"' in browser.get(f"/checkout?sku={sku}").content.decode()
    assert 'name="accepted" value="5590"' in browser.get(f"/checkout?sku={sku}&address={far.public_id}").content.decode()


def test_placing_in_a_sheet_offers_to_pay(browser: Client, viewer: User) -> None:
    product = cast.make_product(price_fen=3990, stock=5)
    form = asked(viewer, product)
    for _tap in range(2):
        answer = browser.post("/checkout", form, headers=SHEET)
        assert f"/pay/{Order.objects.get().public_id}" in answer.content.decode()
    assert shop.stock_of(product) == (4, 1, 0)


def test_placing_on_a_page_leads_to_the_order(browser: Client, viewer: User) -> None:
    answer = browser.post("/checkout", asked(viewer, cast.make_product()))
    assert answer.headers["Location"] == f"/o/{Order.objects.get().public_id}"


def test_a_changed_price_is_shown_in_the_sheet_with_the_new_one_to_accept(browser: Client, viewer: User) -> None:
    product = cast.make_product(price_fen=3990)
    form = asked(viewer, product, accepted="3000")
    text = browser.post("/checkout", form, headers=SHEET).content.decode()
    assert 'data-refused="PRICE_CHANGED"' in text
    assert "¥30.00" in text
    assert 'name="accepted" value="3990"' in text
    assert form["key"] in text
    assert Order.objects.count() == 0


def test_without_an_address_the_form_comes_first(browser: Client, viewer: User) -> None:
    product = cast.make_product()
    sku = product.skus.get().public_id
    text = browser.get(f"/checkout?sku={sku}").content.decode()
    assert 'name="detail"' in text
    answer = browser.post("/checkout", {"key": str(uuid.uuid4()), "sku": sku, "qty": "1", "accepted": "3990"}, headers=SHEET)
    assert 'data-refused="INVALID"' in answer.content.decode()
    assert Order.objects.count() == 0


def test_saving_an_address_comes_back_to_the_same_checkout(browser: Client, viewer: User) -> None:
    sku = cast.make_product().skus.get().public_id
    page = browser.get(f"/checkout?sku={sku}&qty=2")
    fields = {
        "name": "林小满",
        "phone": "13900001111",
        "province": "陕西省",
        "city": "西安市",
        "district": "雁塔区",
        "detail": "小寨东路1号",
    }
    answer = browser.post("/me/addresses", fields | {"next": page.context["next_url"]})
    text = browser.get(answer.headers["Location"]).content.decode()
    assert "小寨东路1号" in text
    assert 'value="2"' in text


def test_goods_without_return_need_a_tick(browser: Client, viewer: User) -> None:
    product = cast.make_product()
    product.category.no_reason_return = False
    product.category.save()
    form = asked(viewer, product)
    assert 'data-refused="INVALID"' in browser.post("/checkout", form, headers=SHEET).content.decode()
    assert Order.objects.count() == 0
    browser.post("/checkout", form | {"exception": "1"}, headers=SHEET)
    assert Order.objects.count() == 1


@pytest.mark.parametrize("query", ["", "sku=nothere", "item=nothere", "claim=nothere"])
def test_what_is_not_there_is_not_found(browser: Client, query: str) -> None:
    assert browser.get(f"/checkout?{query}").status_code == 404


def test_somebody_elses_claim_is_not_found(browser: Client, other_anchor: User, room: Room) -> None:
    claim = shop.make_claim(shop.make_deal(room, cast.make_product()), other_anchor)
    assert browser.get(f"/checkout?claim={claim.public_id}").status_code == 404


def test_a_claim_already_ordered_shows_its_order(browser: Client, viewer: User, room: Room) -> None:
    claim = shop.make_claim(shop.make_deal(room, cast.make_product()), viewer)
    order = shop.place_claim(claim)
    assert f"/pay/{order.public_id}" in browser.get(f"/checkout?claim={claim.public_id}", headers=SHEET).content.decode()
    assert browser.get(f"/checkout?claim={claim.public_id}").headers["Location"] == f"/o/{order.public_id}"


def test_an_outsider_sees_nothing_of_an_order(viewer: User, other_anchor: User, client: Client) -> None:
    order = shop.place(viewer, cast.make_product())
    outsider = as_user(other_anchor)
    for path in (f"/o/{order.public_id}", f"/o/{order.public_id}/state", f"/api/orders/{order.public_id}/"):
        assert outsider.get(path).status_code == 404
    for path in (f"/o/{order.public_id}/cancel", f"/pay/{order.public_id}"):
        assert outsider.post(path).status_code == 404
        assert client.post(path).status_code == 302
    assert order.public_id not in outsider.get("/o/").content.decode()
    assert outsider.get("/api/orders/").json()["results"] == []
    order.refresh_from_db()
    assert (order.state, Payment.objects.count()) == (OrderState.UNPAID, 0)


def test_the_whole_way_by_the_doors(browser: Client, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    way = browser.post(f"/pay/{order.public_id}").headers["Location"]
    assert "模拟" in browser.get(way).content.decode()
    assert browser.post(way, {"button": "pay"}).headers["Location"].endswith(f"/o/{order.public_id}")
    body = SimulatedCharge.objects.get().notices.get().body.encode()
    headers = {name.upper().replace("-", "_"): value for name, value in simulator.signed_headers(body).items()}
    extra = {f"HTTP_{name}": value for name, value in headers.items() if name != "CONTENT_TYPE"}
    for _time in range(2):
        answer = Client().post("/pay/notify/simulator", body, content_type="application/json", **extra)
        assert (answer.status_code, answer.content) == (200, b"success")
    assert Order.objects.get().state == OrderState.PAID
    assert browser.post(f"/pay/{order.public_id}").headers["Location"] == f"/o/{order.public_id}"


def test_a_forged_notification_is_turned_away(client: Client, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    (body,) = shop.press(shop.begin(order))
    assert client.post("/pay/notify/simulator", body, content_type="application/json").status_code == 401
    assert client.post("/pay/notify/nobody", body, content_type="application/json").status_code == 404
    assert client.get("/pay/notify/simulator").status_code == 405
    assert Order.objects.get().state == OrderState.UNPAID


def test_a_waiting_page_is_told_only_of_changes(browser: Client, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    seen = browser.get(f"/o/{order.public_id}").context["mark"]
    assert browser.get(f"/o/{order.public_id}/state?seen={seen}").status_code == 204
    shop.press(shop.begin(order))
    text = browser.get(f"/o/{order.public_id}/state?seen={seen}").content.decode()
    assert f'data-state="{OrderState.PAID.value}"' in text


def test_a_refund_is_told_on_the_orders_page(browser: Client, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    for body in shop.press(shop.begin(order), simulator.Button.PAY_TWICE):
        shop.tell(body)
    assert browser.get(f"/o/{order.public_id}").content.decode().count('data-refund="twice"') == 1


def test_an_order_past_its_time_cannot_be_paid_on_the_page(browser: Client, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    shop.lapse(order)
    assert f"/pay/{order.public_id}" not in browser.get(f"/o/{order.public_id}").content.decode()
    assert order.public_id in browser.get("/o/?tab=closed").content.decode()
    assert order.public_id not in browser.get("/o/?tab=unpaid").content.decode()


def test_the_shop_sees_its_orders_with_masked_receivers(viewer: User, other_anchor: User) -> None:
    product = cast.make_product()
    order = shop.place(viewer, product, note="=cmd|' /C calc'!A0")
    owner, outsider = as_user(product.shop.owner), as_user(other_anchor)
    page = owner.get("/shop/orders").content.decode()
    table = b"".join(owner.get("/shop/orders.csv").streaming_content).decode()
    for text in (page, table):
        assert order.public_id in text
        assert "139****1111" in text
        assert order.address["detail"] not in text
        assert "13900001111" not in text
    assert "'=cmd" in table
    assert owner.get("/shop/orders?tab=paid").content.decode().count(order.public_id) == 0
    assert outsider.get("/shop/orders").status_code == outsider.get("/shop/orders.csv").status_code == 404
    other = as_user(cast.make_product().shop.owner)
    assert order.public_id not in other.get("/shop/orders").content.decode()


@pytest.mark.parametrize(
    ("address", "code"),
    [("/checkout?sku=%00", 422), ("/o/%00", 422), ("/a/%00", 422), ("/pay/sim/%00", 422), (f"/checkout?sku=x&qty={'9' * 5000}", 404)],
)
def test_bytes_and_numbers_that_break_are_refused(browser: Client, address: str, code: int) -> None:
    assert browser.get(address).status_code == code


@pytest.mark.parametrize("more", [{"qty": "9" * 5000}, {"accepted": "9" * 5000}, {"note": "a\0b"}])
def test_an_order_with_them_is_not_placed(browser: Client, viewer: User, more: dict[str, str]) -> None:
    assert browser.post("/checkout", asked(viewer, cast.make_product(), **more)).status_code < 500
    assert not Order.objects.exists()


def test_a_longer_list_takes_no_more_queries(viewer: User) -> None:
    product = cast.make_product()
    client, desk = as_user(viewer), as_user(product.shop.owner)

    def queries(browser: Client, address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(address).status_code == 200
        return len(captured)

    shop.begin(shop.place(viewer, product))
    before = queries(client, "/o/"), queries(desk, "/shop/orders")
    for _ in range(4):
        shop.begin(shop.place(viewer, product))
    assert (queries(client, "/o/"), queries(desk, "/shop/orders")) == before


@pytest.mark.parametrize("door", ["/pay/{0}", "/o/{0}/cancel"])
def test_looking_at_a_door_that_acts_leads_to_the_order_and_does_nothing(browser: Client, viewer: User, door: str) -> None:
    """Who signs in on the way comes back with GET: she is led to her order instead of an empty refusal."""
    order = shop.place(viewer, cast.make_product())
    answer = browser.get(door.format(order.public_id))
    assert (answer.status_code, answer["Location"]) == (302, f"/o/{order.public_id}")
    assert Order.objects.get().state == OrderState.UNPAID
    assert not Payment.objects.exists()
    assert as_user(cast.make_user()).get(door.format(order.public_id)).status_code == 404


def test_the_api_tells_own_orders_without_keys(browser: Client, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product(price_fen=3990))
    told = browser.get(f"/api/orders/{order.public_id}/").json()
    assert (told["id"], told["due_fen"], told["lines"][0]["quantity"]) == (order.public_id, 3990, 1)
    assert "key" not in told
    assert browser.post("/api/orders/", {}).status_code in (403, 405)


def test_the_desk_in_the_admin_only_reads(operator: User, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product())
    shop.pay(order)
    admin = as_user(operator)
    for model in ("order", "payment", "refund", "simulatedcharge", "simulatednotice"):
        assert admin.get(f"/admin/orders/{model}/").status_code == 200
        assert admin.get(f"/admin/orders/{model}/add/").status_code == 403
    page = admin.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    assert order.address["detail"] not in page


def test_operators_read_an_order_in_yuan_and_in_their_language(operator: User, viewer: User) -> None:
    order = shop.place(viewer, cast.make_product(price_fen=3990), quantity=2)
    shop.pay(order)
    page = as_user(operator).get(f"/admin/orders/order/{order.pk}/change/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "超时、取消或退款" in page
    assert page.count("¥79.80") >= 2
    assert "¥39.90" in page
    assert ">7980<" not in page.replace(" ", "").replace("\n", "")
    assert viewer.addresses.get().detail not in page
