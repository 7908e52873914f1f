"""The operator groups, each with the least it needs."""

from django.db import migrations

GROUPS = {
    "营销": ["freeze_deal"],
    "治理": ["mute", "ban", "delete_chat", "freeze_deal", "cut_show"],
    "财务": ["see_earnings"],
    "客服": ["mute", "delete_chat"],
    "数据": ["see_earnings"],
}


def forward(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    OperatorScope = apps.get_model("accounts", "OperatorScope")
    for name, powers in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        OperatorScope.objects.update_or_create(group=group, defaults={"powers": powers})


def backward(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_audit_append_only"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(forward, backward)]
