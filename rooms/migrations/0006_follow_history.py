"""An index to find when somebody first followed a room."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("rooms", "0005_rehearsal_stage"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddIndex(
            "followchange", models.Index(fields=["room", "user", "at"], condition=Q(change=1), name="rooms_first_follow")
        ),
    ]
