"""Coupons, and who was granted one."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models.phases import phase
from liveshop.ids import public_id


class CouponTarget(models.IntegerChoices):
    ITEM = 1, _("one item")
    SHOP = 2, _("one shop")
    CATEGORY = 3, _("one category")
    PLATFORM = 4, _("the whole site")


class CouponAudience(models.IntegerChoices):
    ANYONE = 1, _("anyone")
    NEW_FOLLOWER = 10, _("new followers")
    FAN = 11, _("followers")


class CouponFunder(models.TextChoices):
    MERCHANT = "merchant", _("merchant")
    PLATFORM = "platform", _("platform")


class CouponState(models.IntegerChoices):
    DRAFT = 0, _("draft")
    PUBLISHED = 1, _("published")
    ENDED = 2, _("ended")


def _short_yuan(amount_fen: int) -> str:
    """`500` → `5`, `550` → `5.50`."""
    yuan, fen = divmod(amount_fen, 100)
    return f"{yuan}.{fen:02d}" if fen else str(yuan)


class Coupon(models.Model):
    """A discount `off_fen` from `threshold_fen` on, for what its target names. issued ≤ total, enforced."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    title = models.CharField(max_length=40)
    target = models.PositiveSmallIntegerField(choices=CouponTarget.choices)
    audience = models.PositiveSmallIntegerField(choices=CouponAudience.choices, default=CouponAudience.ANYONE)
    funder = models.CharField(max_length=10, choices=CouponFunder.choices, default=CouponFunder.MERCHANT)
    room = models.ForeignKey(
        "rooms.Room",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="coupons",
        help_text="Dropped in this room; its followers count as fans",
    )
    shop = models.ForeignKey("catalog.Shop", models.PROTECT, null=True, blank=True, related_name="coupons")
    product = models.ForeignKey("catalog.Product", models.PROTECT, null=True, blank=True, related_name="coupons")
    category = models.ForeignKey("catalog.Category", models.PROTECT, null=True, blank=True, related_name="coupons")
    threshold_fen = models.PositiveIntegerField(default=0)
    off_fen = models.PositiveIntegerField()
    total = models.PositiveIntegerField()
    issued = models.PositiveIntegerField(default=0)
    per_person = models.PositiveSmallIntegerField(default=1)
    follow_within_s = models.PositiveIntegerField(default=600, help_text="New-follower coupon: followed at most so long ago")
    state = models.PositiveSmallIntegerField(choices=CouponState.choices, default=CouponState.DRAFT)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    valid_days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Days of validity after it was taken")
    version = models.BigIntegerField(default=0)
    batch = models.UUIDField(null=True, editable=False, help_text="The form that gave it: sent twice, it gives once")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "room"], condition=Q(room__isnull=False), name="campaigns_coupon_once_a_room"),
            models.UniqueConstraint(fields=["batch"], condition=Q(room=None), name="campaigns_coupon_once_for_all"),
            models.CheckConstraint(condition=Q(issued__lte=F("total")), name="campaigns_coupon_within_total"),
            models.CheckConstraint(condition=Q(off_fen__gt=0), name="campaigns_coupon_off_positive"),
            models.CheckConstraint(
                condition=Q(target=1, product__isnull=False)
                | Q(target=2, shop__isnull=False)
                | Q(target=3, category__isnull=False)
                | Q(target=4),
                name="campaigns_coupon_names_its_target",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def phase(self) -> str:
        return phase(self.starts_at, self.ends_at, self.state == CouponState.ENDED)

    @property
    def left(self) -> int:
        return self.total - self.issued

    @property
    def percent_gone(self) -> int:
        return round(100 * self.issued / self.total) if self.total else 100

    @property
    def off_yuan(self) -> str:
        return _short_yuan(self.off_fen)

    @property
    def threshold_yuan(self) -> str:
        return _short_yuan(self.threshold_fen)

    @property
    def good_for(self) -> str:
        """What it can be used for, in words."""
        if self.target == CouponTarget.ITEM and self.product is not None:
            return self.product.title
        if self.target == CouponTarget.SHOP and self.shop is not None:
            return self.shop.name
        if self.target == CouponTarget.CATEGORY and self.category is not None:
            zh = (get_language() or "").startswith("zh")
            return self.category.name if zh or not self.category.name_en else self.category.name_en
        return gettext("the whole site")


class GrantState(models.IntegerChoices):
    UNUSED = 1, _("unused")
    LOCKED = 2, _("locked")
    USED = 3, _("used")
    EXPIRED = 4, _("expired")


class CouponGrant(models.Model):
    """A coupon in a person's hands. LOCKED belongs to one unpaid order; paying makes it USED, closing makes it UNUSED again."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="grants", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="coupon_grants")
    nth = models.PositiveSmallIntegerField(default=1)
    key = models.UUIDField()
    state = models.PositiveSmallIntegerField(choices=GrantState.choices, default=GrantState.UNUSED)
    order_ref = models.CharField(max_length=16, blank=True, help_text="Public id of the order that locked or used it")
    granted_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["coupon", "user", "nth"], name="campaigns_grant_nth_once")]
        indexes = [
            models.Index(fields=["user", "state", "expires_at"], name="campaigns_grant_of_user"),
            models.Index(fields=["order_ref"], condition=~Q(order_ref=""), name="campaigns_grant_of_order"),
        ]

    def __str__(self) -> str:
        return self.public_id
