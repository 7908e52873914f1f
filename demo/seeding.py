"""The demo's people, goods and rooms. Every step looks first what is there, so seeding again adds only what is missing."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password

from accounts import access, nicknames
from accounts.models import Address, User
from catalog import products
from catalog.models import Belt, Category, PriceChange, Product, ProductPicture, ProductState, Shop, Sku
from catalog.products import Texts, Variant
from demo.logins import PASSWORD
from liveshop.clock import now

CONTENT = Path(__file__).parent / "content"
AVATARS = ["1f34a", "1f351", "1f353", "1f349", "1f33b", "1f411", "1f413", "1f416", "1f41d", "1f955", "1f9c1", "1f980"]
RAISED_DAYS, LOWERED_DAYS = 45, 12


def content(name: str) -> Any:
    """One file of the demo's content."""
    return json.loads((CONTENT / f"{name}.json").read_text(encoding="utf-8"))


class People:
    """Makes accounts; the password is hashed once."""

    def __init__(self) -> None:
        self.password = make_password(PASSWORD)

    def one(self, username: str, nickname: str, number: int, **fields: Any) -> User:
        """The account with this login name, made if it is missing."""
        user = User.objects.filter(username=username).first()
        if user is None:
            user = User.objects.create(
                username=username,
                nickname=nickname,
                nickname_folded=nicknames.fold(nickname),
                password=self.password,
                phone=f"+86170000{number:05d}",
                phone_verified=True,
                is_demo=True,
                **fields,
            )
        return user

    def viewers(self) -> list[User]:
        """People who watch, the first two with a plain login and an address."""
        people = []
        for n, nickname in enumerate(content("viewers")):
            username = ("viewer", "viewer2")[n] if n < 2 else f"demo-{n:02d}"
            people.append(self.one(username, nickname, n, avatar=f"img/avatars/{AVATARS[n % len(AVATARS)]}.webp"))
        for viewer in people[:2]:
            _address(viewer)
        return people

    def seller(self, entry: dict[str, Any], number: int) -> User:
        """An anchor or a merchant."""
        avatar = f"img/avatars/{entry['avatar']}.webp"
        is_anchor = bool(entry["slug"])
        return self.one(entry["username"], entry["nickname"], number, avatar=avatar, bio=entry.get("bio", ""), is_anchor=is_anchor)


def _address(user: User) -> None:
    if not user.addresses.exists():
        Address.objects.create(
            user=user,
            name=user.nickname,
            phone="13800138000",
            province="浙江省",
            city="杭州市",
            district="西湖区",
            detail="文三路 100 号 3 幢 502",
            is_default=True,
        )


def places() -> None:
    """Categories and belts."""
    found = content("places")
    for position, entry in enumerate(found["categories"]):
        entry["no_reason_return"] = bool(entry["no_reason_return"])
        Category.objects.get_or_create(slug=entry["slug"], defaults=entry | {"position": position})
    for entry in found["belts"]:
        Belt.objects.get_or_create(slug=entry["slug"], defaults=entry)


def shop(owner: User, entry: dict[str, Any]) -> Shop:
    """The seller's shop."""
    made, _is_new = Shop.objects.get_or_create(
        name=entry["shop"],
        defaults={
            "owner": owner,
            "operator_name": entry["operator"],
            "ships_from": entry["ships_from"],
            "belt": Belt.objects.filter(slug=entry["belt"]).first(),
            "freight_fen": entry["freight_fen"],
            "free_freight_from_fen": entry["free_from_fen"] or None,
            "remote_freight_fen": entry["remote_fen"],
        },
    )
    return made


def good(shop: Shop, entry: dict[str, Any]) -> Product:
    """A product on sale, its prices lowered some days ago where it has a struck one."""
    known = Product.objects.filter(shop=shop, merchant_code=entry["code"]).exclude(state=ProductState.DRAFT).first()
    if known:
        return known
    Product.objects.filter(shop=shop, merchant_code=entry["code"], state=ProductState.DRAFT, shelf_items=None).delete()
    belt = Belt.objects.filter(slug=entry["belt"]).first()
    told = f"{entry['brief']}。\n\n产地：{belt.region if belt else shop.ships_from}。\n现货，下单后 48 小时内发货；坏果、破损拍照包赔。"
    texts = Texts(entry["title"], Category.objects.get(slug=entry["category"]), entry["brief"], told, belt, merchant_code=entry["code"])
    variants = [Variant(v["list_price_fen"] or v["price_fen"], v["stock"], v["name"]) for v in entry["variants"]]
    product = products.create(shop=shop, by=shop.owner, texts=texts, variants=variants)
    ProductPicture.objects.create(product=product, path=entry["picture"], alt=entry["title"])
    for sku, variant in zip(product.skus.select_related("product__shop"), entry["variants"], strict=True):
        _lower(sku, variant, shop.owner)
    _sold_before(product, entry["sold"])
    products.publish(product=product, by=shop.owner)
    return product


def _lower(sku: Sku, variant: dict[str, Any], by: User) -> None:
    PriceChange.objects.filter(sku=sku).update(at=now() - timedelta(days=RAISED_DAYS))
    if variant["list_price_fen"]:
        products.set_price(sku=sku, by=by, price_fen=variant["price_fen"], list_price_fen=variant["list_price_fen"])
        PriceChange.objects.filter(sku=sku, price_fen=variant["price_fen"]).update(at=now() - timedelta(days=LOWERED_DAYS))


def _sold_before(product: Product, sold: int) -> None:
    """What was sold before the site had this database: the SKUs' sums hold."""
    first = product.skus.all()[0]
    Sku.objects.filter(pk=first.pk).update(stock_sold=sold, stock_total=first.stock_total + sold)
    Product.objects.filter(pk=product.pk).update(sold_count=sold)


def powers_of_a_moderator() -> list[str]:
    """Everything an anchor may hand on."""
    return sorted(access.MODERATOR_POWERS)
