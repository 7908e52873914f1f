"""The first list of advertising words; operators edit it from here on."""

import csv
from pathlib import Path

from django.db import migrations

LIST = Path(__file__).resolve().parent.parent / "data" / "banned_words.csv"


def load(apps, schema_editor):
    word = apps.get_model("catalog", "BannedWord")
    with LIST.open(encoding="utf-8", newline="") as rows:
        word.objects.bulk_create(
            [
                word(word=row["word"], allowed_in=[phrase for phrase in row["allowed_in"].split("|") if phrase], source=row["source"])
                for row in csv.DictReader(rows)
            ],
            ignore_conflicts=True,
        )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
