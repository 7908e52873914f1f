"""The legal hold moves from each recording to the show, with its reason; rooms may keep recordings for days of their own.

The column of old stays with a default, so that the old code can still write recordings while servers are replaced.
"""

from django.db import migrations, models


def take_over(apps, schema_editor):
    shows = apps.get_model("rooms", "Show")
    held = apps.get_model("rooms", "Recording").objects.filter(is_held=True).values("show")
    shows.objects.filter(pk__in=held).update(hold_reason="legal hold")


class Migration(migrations.Migration):
    dependencies = [("rooms", "0006_follow_history")]
    operations = [
        migrations.AddField(
            "show",
            "hold_reason",
            models.CharField(
                blank=True, db_default="", default="", help_text="Legal hold: no recording of this show is removed; empty: none", max_length=200
            ),
        ),
        migrations.AddField(
            "room",
            "keep_days",
            models.PositiveSmallIntegerField(blank=True, help_text="Days its recordings are kept; empty: as set for the site", null=True),
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("recording", "is_held")],
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE rooms_recording ALTER COLUMN is_held SET DEFAULT false",
                    "ALTER TABLE rooms_recording ALTER COLUMN is_held DROP DEFAULT",
                )
            ],
        ),
    ]
