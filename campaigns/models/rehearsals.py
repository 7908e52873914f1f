"""An anchor's practice of a drop."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from liveshop.ids import public_id


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
