"""What something is made of is a fact: "100%澳洲羊毛" and "百分百铝镁合金" pass, "100%有效" does not."""

from itertools import product

from django.db import migrations

WORDS = ["100%", "百分百"]
ORIGINS = ["", "纯", "天然", "进口", "国产", "有机", "精梳", "长绒", "头层", "澳洲", "新西兰", "新疆", "内蒙古", "埃及", "泰国", "法国"]
MATERIALS = [
    *("棉", "纯棉", "长绒棉", "羊毛", "羊绒", "山羊绒", "牦牛绒", "鹅绒", "白鹅绒", "鸭绒", "桑蚕丝", "蚕丝", "真丝", "亚麻", "苎麻", "麻"),
    *("聚酯纤维", "竹纤维", "莱赛尔", "牛皮", "羊皮", "真皮", "乳胶", "橡胶", "铝镁合金", "铝合金", "不锈钢", "纯银", "实木", "橡木", "竹"),
    *("果汁", "橙汁", "原浆", "椰子水"),
]


def load(apps, schema_editor):
    for listed in apps.get_model("catalog", "BannedWord").objects.filter(word__in=WORDS):
        facts = [f"{listed.word}{origin}{material}" for origin, material in product(ORIGINS, MATERIALS)]
        listed.allowed_in = list(dict.fromkeys([*listed.allowed_in, *facts]))
        listed.save(update_fields=["allowed_in"])


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_import_steps")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
