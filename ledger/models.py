"""Accounts, transfers and entries. Entries are append-only and each transfer sums to zero: see the migration's triggers."""

from django.db import models

from liveshop.ids import public_id


class Account(models.Model):
    """One purse: `owner` is an opaque text (`user:<public id>`, `shop:<public id>`, `platform`), `kind` its purpose."""

    owner = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "kind"], name="ledger_account_once")]


class Transfer(models.Model):
    """One event of money; `reference` makes it happen once (`order:<id>:paid`)."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    reference = models.CharField(max_length=96, unique=True)
    subject = models.CharField(max_length=64, db_index=True, help_text="What it is about, e.g. order:<public id>")
    kind = models.CharField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.public_id


class Entry(models.Model):
    """Positive: the account receives; negative: it gives."""

    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="entries")
    account = models.ForeignKey(Account, models.PROTECT, related_name="entries")
    amount_fen = models.BigIntegerField()
    note = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(amount_fen=0), name="ledger_entry_not_zero")]
