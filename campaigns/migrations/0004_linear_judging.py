"""The judging functions, now in time that grows with the batch and not with its square."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_no_lone_deal_index")]
    operations = [
        migrations.RunSQL((SQL / "0004_linear_judging.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
