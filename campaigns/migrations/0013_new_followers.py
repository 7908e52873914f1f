"""New-follower coupons by the first follow there ever was, and no coupons in a banned room."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0012_rehearsals"), ("rooms", "0006_follow_history")]
    operations = [
        migrations.RunSQL((SQL / "0013_new_followers.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
