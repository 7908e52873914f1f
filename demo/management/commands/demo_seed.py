"""Fill a demo site: shops, goods, rooms in every state, people to sign in as. Running it again adds only what is missing."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from catalog.models import Product, Shop
from demo import logins, seeding, stages
from liveshop.refusals import Refused


class Command(BaseCommand):
    help = "Fill a demo site with shops, goods, rooms and people; run again at will."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if settings.PRODUCTION or not settings.DEMO:
            raise CommandError("only a demo site is seeded: set DEMO=1")
        people = seeding.People()
        seeding.places()
        viewers = people.viewers()
        helper = people.one("moderator", "场控小鹿", 900)
        people.one("admin", "运营小张", 901, is_staff=True, is_superuser=True)
        shops = self._shops(people)
        goods = self._goods(shops)
        self._rooms(shops, goods, viewers, helper)
        self.stdout.write(f"{len(goods)} products, {len(shops)} shops. Sign in as:")
        for line in logins.lines():
            self.stdout.write(f"  {line}")

    def _shops(self, people: seeding.People) -> dict[str, Shop]:
        found = seeding.content("people")
        entries = [*found["anchors"], *found["merchants"]]
        return {entry["username"]: seeding.shop(people.seller(entry, 800 + n), entry) for n, entry in enumerate(entries)}

    def _goods(self, shops: dict[str, Shop]) -> dict[str, Product]:
        entries = seeding.content("goods")
        goods = {entry["code"]: seeding.good(shops[entry["shop"]], entry) for entry in entries}
        for entry in entries[::2]:
            self.attempt(entry["code"], partial(stages.open_plan, goods[entry["code"]], entry["rate_permille"]))
        return goods

    def _rooms(self, shops: dict[str, Shop], goods: dict[str, Product], viewers: list[User], helper: User) -> None:
        for entry in seeding.content("people")["anchors"]:
            shop = shops[entry["username"]]
            room = stages.room(shop.owner, shop, entry)
            own = [product for product in goods.values() if product.shop_id == shop.pk]
            steps: list[Callable[[], object]] = [
                partial(stages.fill_shelf, room, own),
                partial(stages.pick_from_the_pool, room, entry),
                partial(stages.show, room, entry),
                partial(stages.pin, room),
                partial(stages.followers, room, viewers),
                partial(stages.talk, room, viewers),
                partial(stages.moderator, room, helper),
            ]
            if entry["state"] == "live":
                steps.append(partial(stages.occasions, room))
            for step in steps:
                self.attempt(room.slug, step)

    def attempt(self, what: str, step: Callable[[], object]) -> None:
        """Whoever tries the demo may close a room or take goods off sale: that is left so, and the rest is made."""
        try:
            step()
        except Refused as refused:
            self.stdout.write(f"{what} stays as it is: {refused.code}")
