"""Advertising words: promises are refused, facts pass, and tricks of spelling do not help."""

import pytest

from catalog import words

HONEST = """100%棉 四件套|百分百纯棉毛巾|100%桑蚕丝围巾|100% 羊毛 被|洛川红富士苹果 5斤装|安溪铁观音 清香型|第一次带娃出门的背带|高温杀菌牛奶
潮汕牛肉丸 手打|赣南脐橙 现摘现发|秦岭百花蜂蜜|东北糯玉米 10根|曹县汉服 三件套|义乌洗碗海绵|景德镇盖碗|诸暨珍珠项链|南通家纺 冬被|武夷肉桂|丽江鲜花饼
和田红枣 5斤|阳澄湖大闸蟹 公母各四|精梳棉中筒袜 五双|手工香皂 橄榄油款|防滑收纳篮|儿童羽绒服 加厚|女式纯棉免洗内裤|日式和风懒人沙发|简约实木茶几|男式连帽卫衣
纯银耳钉|宠物不锈钢碗|可水洗抱枕|多功能料理锅 24cm|蓝莓鲜果 6盒|丹东草莓 2盒|云南小粒咖啡|五常大米 10斤|农家散养鸡蛋 30枚|100%果汁 橙味|100%澳洲羊毛 温暖亲肤|100%铝镁合金，超静音|100% 新疆长绒棉|百分百头层牛皮|100%泰国乳胶枕|巴氏杀菌鲜奶""".replace(
    "\n", "|"
).split("|")
FORBIDDEN = [
    ("全网最低价的苹果", "全网最低"),
    ("国家级名茶", "国家级"),
    ("顶级铁观音", "顶级"),
    ("销量第一的枕头", "销量第一"),
    ("100%有效祛痘", "100%"),
    ("百分百见效", "百分百"),
    ("治疗失眠的茶", "治疗"),
    ("降血糖苦瓜片", "降血糖"),
    ("全球独一无二", "独一无二"),
    ("抗癌灵芝", "抗癌"),
    ("最 佳 口感", "最佳"),
    ("最·佳口感", "最佳"),
    ("最\u200b佳口感", "最佳"),
    ("１００％有效", "100%"),
    ("极*品好茶", "极品"),
    ("美白面膜", "美白"),
    ("零风险加盟", "零风险"),
    ("永久保修", "永久"),
    ("100%棉 顶级品质", "顶级"),
    ("100%有效羊毛贴", "100%"),
    ("100%正品保证", "100%"),
    ("百分百治愈", "百分百"),
    ("无副作用", "无副作用"),
]


@pytest.fixture(autouse=True)
def _fresh_list():
    words.forget()
    yield
    words.forget()


@pytest.mark.django_db
@pytest.mark.parametrize("title", HONEST)
def test_honest_titles_pass(title):
    assert words.banned_in(title) is None


@pytest.mark.django_db
@pytest.mark.parametrize(("title", "word"), FORBIDDEN)
def test_forbidden_words_are_named(title, word):
    assert words.banned_in(title) in (word, *[w for _t, w in FORBIDDEN if w in word or word in w])
