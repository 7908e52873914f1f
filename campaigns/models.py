"""Deals, claims, waitlists, coupons, coupon grants and drops."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language, gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from liveshop.ids import public_id


class DealKind(models.IntegerChoices):
    GENERAL = 1, _("1-yuan deal")
    NEWCOMER = 2, _("newcomer 1-yuan deal")


class DealState(models.IntegerChoices):
    DRAFT = 0, _("draft")
    PUBLISHED = 1, _("published")
    FROZEN = 2, _("frozen")
    ENDED = 3, _("ended")
    CANCELLED = 4, _("cancelled")


class Deal(models.Model):
    """A few units of one SKU at a very low price in one room. Whether it is open is judged by `starts_at`/`ends_at` in the query.

    total = available + held + sold at every commit. The units were taken from the SKU's stock when it was published.
    """

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    room = models.ForeignKey("rooms.Room", models.PROTECT, related_name="deals")
    show = models.ForeignKey("rooms.Show", models.PROTECT, null=True, blank=True, related_name="deals")
    sku = models.ForeignKey("catalog.Sku", models.PROTECT, related_name="deals")
    kind = models.PositiveSmallIntegerField(choices=DealKind.choices, default=DealKind.GENERAL)
    title = models.CharField(max_length=60)
    price_fen = models.PositiveIntegerField(default=100)
    total = models.PositiveIntegerField()
    available = models.PositiveIntegerField()
    held = models.PositiveIntegerField(default=0)
    sold = models.PositiveIntegerField(default=0)
    per_day_limit = models.PositiveSmallIntegerField(default=3, help_text="Deals one person may win per day, all rooms; 0: no limit")
    hold_s = models.PositiveSmallIntegerField(default=300)
    state = models.PositiveSmallIntegerField(choices=DealState.choices, default=DealState.DRAFT)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    attempts = models.BigIntegerField(default=0, help_text="Taps judged so far: gives everyone a place")
    version = models.BigIntegerField(default=0, help_text="Raised whenever units come back or the state changes")
    sold_out_at = models.DateTimeField(null=True, blank=True)
    freeze_reason = models.CharField(max_length=120, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(total=F("available") + F("held") + F("sold")), name="campaigns_deal_adds_up"),
            models.CheckConstraint(condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")), name="campaigns_deal_ends_later"),
            models.CheckConstraint(condition=Q(price_fen__gt=0), name="campaigns_deal_price_positive"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def commitment(self) -> "Commitment | None":
        """What was promised when it was last opened; None for a deal nobody was shown."""
        return max(self.commitments.all(), key=lambda made: made.pk, default=None)

    @property
    def phase(self) -> str:
        """soon, now or ended by the server's clock: what the page shows until its own clock runs."""
        return _phase(self.starts_at, self.ends_at, self.is_over)

    @property
    def is_frozen(self) -> bool:
        return self.state == DealState.FROZEN

    @property
    def is_over(self) -> bool:
        return self.state in (DealState.ENDED, DealState.CANCELLED)

    @property
    def left(self) -> int:
        """Units that can still be won: the deal's own and those lent out."""
        return self.available + sum(lease.free for lease in self.leases.all())

    @property
    def taken(self) -> int:
        """Units that people hold, not paid yet."""
        return self.total - self.left - self.sold

    @property
    def counts(self) -> list[int]:
        """[left, held, sold, total]: what the page's stock bar shows."""
        return [self.left, self.taken, self.sold, self.total]

    @property
    def percent_gone(self) -> int:
        return round(100 * (self.total - self.left) / self.total) if self.total else 100

    @property
    def picture(self) -> str:
        """The cover of its product."""
        pictures = list(self.sku.product.pictures.all())
        return pictures[0].path if pictures else ""

    @property
    def freight_fen(self) -> int:
        """The freight of one unit alone, outside remote areas: said before the tap."""
        shop = self.sku.product.shop
        is_free = shop.free_freight_from_fen is not None and self.price_fen >= shop.free_freight_from_fen
        return 0 if is_free else shop.freight_fen


class Lease(models.Model):
    """A block of a deal's units lent to one who judges taps: won without the deal's lock. Written only by the SQL functions.

    To the deal they count as held. `taken` of them are won; the rest goes back when the lease is recalled or not used for a while.
    """

    deal = models.ForeignKey(Deal, models.CASCADE, related_name="leases", db_index=False)
    holder = models.CharField(max_length=24)
    granted = models.PositiveIntegerField()
    taken = models.PositiveIntegerField(default=0)
    judged = models.PositiveBigIntegerField(default=0, help_text="Taps that won nothing")
    first_place = models.BigIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deal", "holder"], name="campaigns_lease_one_per_holder"),
            models.CheckConstraint(condition=Q(taken__lte=F("granted")), name="campaigns_lease_not_overdrawn"),
        ]

    @property
    def free(self) -> int:
        return self.granted - self.taken


class ClaimState(models.IntegerChoices):
    HELD = 1, pgettext_lazy("claim", "held")
    ORDERED = 2, _("ordered")
    PAID = 3, _("paid")
    EXPIRED = 4, _("expired")
    RETURNED = 5, _("returned")


def _phase(starts_at: datetime | None, ends_at: datetime | None, is_over: bool) -> str:
    moment = timezone.now()
    if is_over or (ends_at is not None and ends_at <= moment):
        return "ended"
    return "soon" if starts_at is None or starts_at > moment else "now"


def _short_yuan(amount_fen: int) -> str:
    """`500` → `5`, `550` → `5.50`."""
    yuan, fen = divmod(amount_fen, 100)
    return f"{yuan}.{fen:02d}" if fen else str(yuan)


class Claim(models.Model):
    """A person's taken unit with its hold. Written only by the SQL functions of `campaigns.claims` and `campaigns.holds`."""

    # Indexes cost every claim: these fields have none but those below. `unique=True` would add a second one for LIKE.
    public_id = models.CharField(max_length=16, default=public_id, editable=False)
    deal = models.ForeignKey(Deal, models.PROTECT, related_name="claims", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="claims", db_index=False)
    key = models.UUIDField()
    place = models.BigIntegerField()
    state = models.PositiveSmallIntegerField(choices=ClaimState.choices, default=ClaimState.HELD)
    claimed_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="campaigns_claim_public_id"),
            models.UniqueConstraint(fields=["deal", "user"], condition=Q(state__in=[1, 2, 3]), name="campaigns_claim_one_per_person"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state__in=[1, 2]), name="campaigns_claim_due"),
            models.Index(fields=["user", "claimed_at"], name="campaigns_claim_of_user"),
            models.Index(fields=["deal", "user"], condition=Q(state__in=[4, 5]), name="campaigns_claim_given_back"),
        ]

    def __str__(self) -> str:
        return self.public_id


class ClaimKey(models.Model):
    """One person, one unit, by each identity key (keyed hash). Removed when the claim expires: the right comes back."""

    deal = models.ForeignKey(Deal, models.CASCADE, related_name="claim_keys", db_index=False)
    kind = models.CharField(max_length=8)
    digest = models.BinaryField(max_length=32)
    claim = models.ForeignKey(Claim, models.CASCADE, related_name="keys")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deal", "kind", "digest"], name="campaigns_claim_key_once")]


class Waiting(models.Model):
    """A place on the waitlist of a sold-out deal."""

    deal = models.ForeignKey(Deal, models.CASCADE, related_name="waitlist", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    joined_at = models.DateTimeField(default=timezone.now)
    offered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deal", "user"], name="campaigns_waiting_once")]


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
        return _phase(self.starts_at, self.ends_at, self.state == CouponState.ENDED)

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


class DropState(models.IntegerChoices):
    PLANNED = 0, _("planned")
    DROPPED = 1, _("dropped")
    UNDONE = 2, _("undone")


class Drop(models.Model):
    """A deal or coupon opening in a room, now or at a time. For 3 s after pressing, `undo` takes it back."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    room = models.ForeignKey("rooms.Room", models.CASCADE, related_name="drops")
    show = models.ForeignKey("rooms.Show", models.CASCADE, null=True, blank=True, related_name="drops")
    deal = models.OneToOneField(Deal, models.CASCADE, null=True, blank=True, related_name="drop")
    coupon = models.ForeignKey(Coupon, models.CASCADE, null=True, blank=True, related_name="drops")
    state = models.PositiveSmallIntegerField(choices=DropState.choices, default=DropState.PLANNED)
    run_s = models.PositiveIntegerField(default=300, help_text="How long it stays open, as planned")
    not_before = models.DateTimeField(null=True, blank=True, help_text="Set by the platform: pressed earlier, it counts down to this")
    until = models.DateTimeField(null=True, blank=True, help_text="Set by the platform: it stays open until then, whenever pressed")
    pressed_at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(deal__isnull=False, coupon__isnull=True) | Q(deal__isnull=True, coupon__isnull=False),
                name="campaigns_drop_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_over(self) -> bool:
        """Whether what it opened has ended, by hand or by the clock."""
        opened = self.deal or self.coupon
        return opened is not None and opened.phase == "ended"

    @property
    def can_undo(self) -> bool:
        """Within the seconds in which nobody could tap yet."""
        return self.pressed_at is not None and self.pressed_at + timedelta(seconds=settings.DROP_UNDO_S) > timezone.now()


class Commitment(models.Model):
    """A deal's terms as hashed before it opened: what anybody may hold the shop to. Append-only, by a trigger.

    `nonce` salts the pseudonyms of the log; its hash is among the terms, itself it is published after the end. `receipt_key`
    makes the claimers' receipts and is never published.
    """

    deal = models.ForeignKey(Deal, models.PROTECT, related_name="commitments")
    terms = models.TextField(help_text="Canonical JSON: the very text that was hashed")
    terms_hash = models.CharField(max_length=64)
    nonce = models.BinaryField(max_length=32)
    receipt_key = models.BinaryField(max_length=32)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)


class LogPart(models.IntegerChoices):
    CLAIMS = 1, _("who won, in order")
    OUTCOMES = 2, _("what became of each unit")


class ClaimLog(models.Model):
    """What a deal publishes about its winners after the end, each part once. Append-only, by a trigger."""

    deal = models.ForeignKey(Deal, models.PROTECT, related_name="logs")
    part = models.PositiveSmallIntegerField(choices=LogPart.choices)
    body = models.TextField(help_text="JSON as `campaigns.proofs` reads it")
    head = models.CharField(max_length=64)
    row_count = models.PositiveIntegerField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deal", "part"], name="campaigns_claimlog_once")]


class RehearsalState(models.IntegerChoices):
    BOOKED = 1, _("waiting for its crowd")
    RUNNING = 2, _("running")
    SCORED = 3, pgettext_lazy("rehearsal", "over")
    ABORTED = 4, _("broken off")
    FAILED = 5, pgettext_lazy("rehearsal", "failed")


class Rehearsal(models.Model):
    """An anchor practises a drop with a synthetic crowd in a room of its own. `slot` is 1 while it runs: one at a time on a site.

    The stage room and all that happened in it are deleted afterwards; what was measured stays in `score`.
    """

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    room = models.ForeignKey("rooms.Room", models.CASCADE, related_name="rehearsals")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    sku = models.ForeignKey("catalog.Sku", models.SET_NULL, null=True, related_name="+")
    state = models.PositiveSmallIntegerField(choices=RehearsalState.choices, default=RehearsalState.BOOKED)
    slot = models.PositiveSmallIntegerField(null=True, unique=True, default=1)
    title = models.CharField(max_length=60)
    price_fen = models.PositiveIntegerField()
    total = models.PositiveIntegerField()
    run_s = models.PositiveIntegerField()
    crowd = models.PositiveIntegerField()
    length_s = models.PositiveIntegerField()
    server = models.CharField(max_length=80, help_text="Where the crowd knocks")
    stage = models.ForeignKey("rooms.Room", models.SET_NULL, null=True, related_name="+")
    wish = models.CharField(max_length=8, blank=True, help_text="finish or abort: what a person asked for meanwhile")
    why = models.CharField(max_length=24, blank=True, help_text="Why it was broken off or failed")
    progress = models.JSONField(default=dict)
    score = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(help_text="Whoever still holds the slot then has died")

    @property
    def is_going_on(self) -> bool:
        return self.state in (RehearsalState.BOOKED, RehearsalState.RUNNING)
