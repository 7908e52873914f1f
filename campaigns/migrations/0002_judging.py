"""The functions that decide who gets a unit: one call and one commit for a whole batch of taps. See docs/scarcity.md."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0001_initial"),
        ("accounts", "0001_initial"),
        ("catalog", "0001_initial"),
        ("rooms", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(
            (SQL / "0002_judging.sql").read_text(encoding="utf-8"),
            "DROP FUNCTION campaigns_claim_batch, campaigns_coupon_batch, campaigns_expire_claims, campaigns_banned",
        ),
        migrations.RunSQL(
            # The hot row: room on its page for the next version, so that a batch touches no index.
            "ALTER TABLE campaigns_deal SET (fillfactor = 20); ALTER TABLE campaigns_coupon SET (fillfactor = 20)",
            "ALTER TABLE campaigns_deal RESET (fillfactor); ALTER TABLE campaigns_coupon RESET (fillfactor)",
        ),
    ]
