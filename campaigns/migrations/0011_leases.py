"""Leases: blocks of a large deal's units, handed to those who judge, so that several judge one deal at once."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0009_commitments_append_only")]
    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("deal", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="leases", to="campaigns.deal")),
                ("holder", models.CharField(max_length=24)),
                ("granted", models.PositiveIntegerField()),
                ("taken", models.PositiveIntegerField(default=0)),
                ("judged", models.PositiveBigIntegerField(default=0, help_text="Taps that won nothing")),
                ("first_place", models.BigIntegerField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["deal", "holder"], name="campaigns_lease_one_per_holder"),
                    models.CheckConstraint(condition=Q(taken__lte=F("granted")), name="campaigns_lease_not_overdrawn"),
                ],
            },
        ),
        migrations.RunSQL((SQL / "0011_leases.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
