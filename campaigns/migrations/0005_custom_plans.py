"""Plans for the batch at hand: the generic plan that PostgreSQL takes from the sixth call on reads all claims of a deal."""

from django.db import migrations

BATCH = "(bigint, bigint[], uuid[], bytea[], bytea[], text[], bigint)"


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_linear_judging")]
    operations = [
        migrations.RunSQL(
            f"ALTER FUNCTION {name}{BATCH} SET plan_cache_mode = force_custom_plan", f"ALTER FUNCTION {name}{BATCH} RESET plan_cache_mode"
        )
        for name in ("campaigns_claim_batch", "campaigns_coupon_batch")
    ]
