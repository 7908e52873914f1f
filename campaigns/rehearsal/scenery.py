"""The stage of a rehearsal: a room nobody finds, goods nobody can buy, people who are nobody. Built from nothing, struck to nothing.

The goods are copies that are off the shelf, in a shop of their own, so that neither real stock nor a checkout is within reach; what
happens to them in the engine is what happens to real ones.
"""

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts import nicknames, sanctions
from accounts.access import Power
from accounts.models import Sanction, User
from campaigns import deals
from campaigns.models import Claim, Coupon, CouponGrant, Deal, DealState, Drop, Rehearsal, Waiting
from catalog.models import PriceChange, Product, ProductPicture, ProductState, Shop, Sku
from rooms.models import ChatLine, ModeratorGrant, Pin, Room, RoomEvent, ShelfItem

# What the anchor and her moderators may practise. Shelf, stock, mutes and bans reach beyond the stage.
POWERS = frozenset({Power.PIN, Power.DROP, Power.DELETE_CHAT, Power.ROOM_MODES, Power.FREEZE_DEAL})
WATCHES = ["watch"]
OTHER_GOODS = 3
HOLD_S = 3600  # nobody pays here: nothing shall come back while it runs


@dataclass(frozen=True, slots=True)
class Scenery:
    """The room, and the crowd that is let in."""

    room: Room
    crowd: list[User]


def build_in_tx(rehearsal: Rehearsal) -> Scenery:
    """Everything a drop needs, with the real goods' looks."""
    if rehearsal.sku is None:
        raise ValueError("the goods to rehearse with are gone")
    owner = _stand_in(rehearsal)
    real = rehearsal.room
    room = Room.objects.create(
        slug=f"rehearsal-{rehearsal.public_id}",
        anchor=owner,
        title=_named(real.title, 44),
        cover=real.cover,
        notice=real.notice,
        seller_name=real.seller_name,
        is_rehearsal=True,
    )
    shop = Shop.objects.create(owner=owner, name=_named(rehearsal.sku.product.shop.name, 24), ships_from="-", operator_name="-")
    main = _copy(rehearsal.sku.product, shop, only=rehearsal.sku)
    others = real.shelf_items.filter(is_listed=True, product__state=ProductState.ON_SALE).exclude(product=rehearsal.sku.product_id)
    products = [main, *(_copy(item.product, shop) for item in others.select_related("product")[:OTHER_GOODS])]
    for number, product in enumerate(products, start=1):
        ShelfItem.objects.create(room=room, product=product, number=number, position=number)
    _plan(rehearsal, room, main.skus.get())
    return Scenery(room, _invite(rehearsal, room))


def _named(real: str, most: int) -> str:
    """A shop's name is unique: one stage stands at a time, and what was left of another is struck before the next is booked."""
    return _("[Rehearsal] %(title)s") % {"title": real[:most]}


def close_in_tx(rehearsal: Rehearsal) -> None:
    """Send the people out: their sockets end and do not come back. The crowd leaves by itself."""
    stage = rehearsal.stage
    if stage is None:
        return
    for public_id in ModeratorGrant.objects.filter(room=stage).exclude(powers=WATCHES).values_list("user__public_id", flat=True):
        sanctions.send_away_in_tx(reason="rehearsal_over", user=public_id, scope=f"room:{stage.public_id}")


def strike(public_id: str) -> None:
    """Delete the stage and all that happened on it, in the order in which rows hold on to each other. Doing it twice does nothing."""
    with transaction.atomic(durable=True):
        rooms = Room.objects.filter(is_rehearsal=True, slug=f"rehearsal-{public_id}")
        ids = [deals.lock_in_tx(pk).pk for pk in Deal.objects.filter(room__in=rooms).values_list("pk", flat=True)]
        Claim.objects.filter(deal__in=ids).delete()
        Waiting.objects.filter(deal__in=ids).delete()
        Drop.objects.filter(room__in=rooms).delete()
        Deal.objects.filter(pk__in=ids).delete()
        CouponGrant.objects.filter(coupon__room__in=rooms).delete()
        Coupon.objects.filter(room__in=rooms).delete()
        for rows in (Pin, ShelfItem, ChatLine, RoomEvent, ModeratorGrant):
            rows.objects.filter(room__in=rooms).delete()
        Sanction.objects.filter(scope__in=[f"room:{room.public_id}" for room in rooms]).delete()
        cast = User.objects.filter(username__startswith=f"rehearsal-{public_id}-")
        PriceChange.objects.filter(sku__product__shop__owner__in=cast).delete()
        Product.objects.filter(shop__owner__in=cast).delete()
        Shop.objects.filter(owner__in=cast).delete()
        rooms.delete()
        cast.delete()


def _stand_in(rehearsal: Rehearsal) -> User:
    """Owns the stage in the anchor's place, who has a room already. Nobody can sign in as one of the cast."""
    real = rehearsal.room.anchor
    return _people(rehearsal, [("anchor", real.nickname)], avatar=real.avatar, is_anchor=True)[0]


def _invite(rehearsal: Rehearsal, room: Room) -> list[User]:
    """Let in the anchor, her moderators with what they may do in her room, and the crowd, which only watches."""
    crowd = _people(rehearsal, [(f"{n:03d}", _("Rehearsal %(n)s") % {"n": f"{n:03d}"}) for n in range(1, rehearsal.crowd + 1)])
    real = rehearsal.room
    grants = [ModeratorGrant(room=room, user=real.anchor, powers=sorted(POWERS), granted_by=real.anchor)]
    for grant in real.moderators.exclude(user=real.anchor).select_related("user"):
        powers = sorted(real.granted_powers(grant.user_id) & POWERS)
        if powers:
            grants.append(ModeratorGrant(room=room, user=grant.user, powers=powers, granted_by=real.anchor, expires_at=grant.expires_at))
    grants += [ModeratorGrant(room=room, user=person, powers=WATCHES, granted_by=real.anchor) for person in crowd]
    ModeratorGrant.objects.bulk_create(grants)
    return crowd


def _people(rehearsal: Rehearsal, names: list[tuple[str, str]], **fields: object) -> list[User]:
    made = [
        User(
            username=f"rehearsal-{rehearsal.public_id}-{name}",
            nickname=nickname[:24],
            nickname_folded=nicknames.fold(f"rehearsal-{rehearsal.public_id}-{name}")[:48],
            password=make_password(None),
            **fields,
        )
        for name, nickname in names
    ]
    return User.objects.bulk_create(made)


def _copy(product: Product, shop: Shop, only: Sku | None = None) -> Product:
    """The looks, prices and figures of a product, off the shelf: its stock is as little real as the rest."""
    made = Product.objects.create(
        shop=shop, category_id=product.category_id, title=product.title, brief=product.brief, state=ProductState.OFF_SHELF
    )
    ProductPicture.objects.bulk_create(
        [ProductPicture(product=made, path=one.path, alt=one.alt, position=one.position) for one in product.pictures.all()]
    )
    for sku in [only] if only else product.skus.all():
        Sku.objects.create(
            product=made,
            name=sku.name,
            price_fen=sku.price_fen,
            list_price_fen=sku.list_price_fen,
            stock_total=sku.stock_available,
            stock_available=sku.stock_available,
            position=sku.position,
        )
    return made


def _plan(rehearsal: Rehearsal, room: Room, sku: Sku) -> None:
    """The drop lies ready to be pressed, its units taken from the copy's stock as a real deal's are."""
    total = rehearsal.total
    Sku.objects.filter(pk=sku.pk).update(stock_total=F("stock_total") + total, stock_held=total)
    deal = Deal.objects.create(
        room=room,
        sku=sku,
        title=rehearsal.title,
        price_fen=rehearsal.price_fen,
        total=total,
        available=total,
        per_day_limit=0,
        hold_s=HOLD_S,
        state=DealState.DRAFT,
        created_by=rehearsal.by,
    )
    Drop.objects.create(room=room, deal=deal, run_s=rehearsal.run_s, by=rehearsal.by)
