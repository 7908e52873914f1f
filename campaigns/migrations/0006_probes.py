"""Judging by index probes alone, and no index on claims that nobody reads: a thousand claims cost half of what they did."""

from pathlib import Path

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import liveshop.ids

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("campaigns", "0005_custom_plans"),
    ]
    operations = [
        migrations.AlterField(
            "claim", "public_id", models.CharField(default=liveshop.ids.public_id, editable=False, max_length=16)
        ),
        migrations.AddConstraint("claim", models.UniqueConstraint(fields=["public_id"], name="campaigns_claim_public_id")),
        migrations.AlterField(
            "claim",
            "user",
            models.ForeignKey(db_index=False, on_delete=models.PROTECT, related_name="claims", to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            "claim", models.Index(fields=["deal", "user"], condition=Q(state__in=[4, 5]), name="campaigns_claim_given_back")
        ),
        migrations.RunSQL((SQL / "0006_probes.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
