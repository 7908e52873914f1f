"""Plans, shelf offers, links, clicks, attributions and commission lines."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alliance.waterfall import earned
from liveshop.ids import public_id


class PlanState(models.IntegerChoices):
    OPEN = 1, _("open")
    CLOSED = 3, _("closed")


class Plan(models.Model):
    """A merchant's promise of commission for a product (ITEM_NORMAL: anyone may promote). Closing it never touches old orders."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    product = models.ForeignKey("catalog.Product", models.PROTECT, related_name="plans")
    rate_permille = models.PositiveSmallIntegerField()
    state = models.PositiveSmallIntegerField(choices=PlanState.choices, default=PlanState.OPEN)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product"], condition=Q(state=1), name="alliance_one_open_plan"),
            models.CheckConstraint(condition=Q(rate_permille__gte=1, rate_permille__lte=900), name="alliance_rate_within_90_percent"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def pays_permille(self) -> int:
        """What a sale earns now: nothing once it is closed."""
        return self.rate_permille if self.state == PlanState.OPEN else 0

    def earns_fen(self, price_fen: int) -> int:
        """What a unit at this price earns now, after the platform's service fee."""
        return earned(price_fen, rate_permille=self.pays_permille, service_permille=settings.SERVICE_FEE_PERMILLE)


class ShelfOffer(models.Model):
    """An alliance product on an anchor's shelf: she sells it without owning stock."""

    shelf_item = models.OneToOneField("rooms.ShelfItem", models.CASCADE, related_name="offer")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="offers")
    picked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    picked_at = models.DateTimeField(default=timezone.now)


class Link(models.Model):
    """A promoter's distribution link /a/<code> to a product or a room."""

    code = models.CharField(max_length=12, unique=True)
    promoter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="links")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="links")
    room = models.ForeignKey(
        "rooms.Room", models.PROTECT, null=True, blank=True, related_name="+", help_text="Land in this room; empty: on the product page"
    )
    remark = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["promoter", "plan", "room", "remark"], nulls_distinct=False, name="alliance_link_once")
        ]

    def __str__(self) -> str:
        return self.code


class Click(models.Model):
    """One visitor through one link, once an hour; bots are dropped, no address is kept."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    link = models.ForeignKey(Link, models.PROTECT, related_name="clicks")
    visitor_digest = models.BinaryField(max_length=32)
    hour = models.DateTimeField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "visitor_digest", "hour"], name="alliance_click_once_an_hour")]


class AttributionPath(models.TextChoices):
    ROOM = "room", _("from the room")
    LINK = "link", _("through a link")
    NONE = "none", _("the merchant's own sale")


class Attribution(models.Model):
    """Who brought this line, decided once when the order was placed; every figure is frozen here."""

    line = models.OneToOneField("orders.OrderLine", models.PROTECT, related_name="attribution")
    path = models.CharField(max_length=8, choices=AttributionPath.choices)
    promoter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="attributions")
    room = models.ForeignKey("rooms.Room", models.PROTECT, null=True, related_name="+")
    click = models.ForeignKey(Click, models.PROTECT, null=True, related_name="attributions")
    plan = models.ForeignKey(Plan, models.PROTECT, null=True, related_name="attributions")
    rate_permille = models.PositiveSmallIntegerField(default=0)
    service_permille = models.PositiveSmallIntegerField(default=0, help_text="Platform service fee, ‰ of the commission")
    category_fee_permille = models.PositiveSmallIntegerField(default=0, help_text="Platform fee, ‰ of goods money")
    base_rule = models.CharField(max_length=24, default="goods_paid")
    base_fen = models.PositiveIntegerField()
    no_commission_reason = models.CharField(max_length=24, blank=True, help_text="self_purchase, same_person, own_goods, no_plan")
    decided_at = models.DateTimeField(default=timezone.now)


class CommissionKind(models.TextChoices):
    EARNED = "earned"
    REVERSED = "reversed"


class CommissionState(models.IntegerChoices):
    PAID = 30, _("pending")
    RECEIVED = 50, _("received")
    SETTLED = 60, _("settled")
    INVALID = 80, _("invalid")


class CommissionLine(models.Model):
    """What a promoter earns from one line; a reversal is a new negative row at the line's own rate."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    attribution = models.ForeignKey(Attribution, models.PROTECT, related_name="commissions")
    promoter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="commissions")
    kind = models.CharField(max_length=10, choices=CommissionKind.choices, default=CommissionKind.EARNED)
    amount_fen = models.BigIntegerField()
    service_fee_fen = models.BigIntegerField(default=0)
    state = models.PositiveSmallIntegerField(choices=CommissionState.choices, default=CommissionState.PAID)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attribution", "kind"], name="alliance_commission_once")]
        indexes = [models.Index(fields=["promoter", "-created_at"], name="alliance_commissions_of")]

    def __str__(self) -> str:
        return self.public_id
