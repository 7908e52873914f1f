"""What was promised of a drop before, and what is told of it after."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.models.deals import Deal


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
