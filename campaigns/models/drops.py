"""The anchor's press that opens a deal or a coupon."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.models.coupons import Coupon
from campaigns.models.deals import Deal
from liveshop.ids import public_id


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
