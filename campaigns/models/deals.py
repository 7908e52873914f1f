"""A deal, who holds its units, and who waits for one."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from campaigns.models.phases import phase
from liveshop.ids import public_id

if TYPE_CHECKING:
    from campaigns.models.proofs import Commitment


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
        return phase(self.starts_at, self.ends_at, self.is_over)

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
    def won(self) -> int:
        """Units that people have, paid or not yet."""
        return self.sold + self.taken

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
