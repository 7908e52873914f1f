"""A show that was streamed, looked at again in a real Chromium: film, products, deals that are over, and what was said when."""

import re
import time
import uuid

from playwright.sync_api import expect

from campaigns.models import Deal, DealState, Drop
from rooms import chat, stage
from rooms.models import Room
from rooms.video.tests.conftest import Media, soon
from tests import cast, scarce
from tests.browser.streams import until


def test_the_replay_plays_seeks_and_a_clip_shows_its_product(media: Media, encode, desktop, phone, axe, room: Room) -> None:
    item = cast.make_shelf_item(room, cast.make_product(title="洛川红富士 5斤装"))
    deal = scarce.make_deal(room, total=12, title="一元抢苹果", state=DealState.ENDED)
    Deal.objects.filter(pk=deal.pk).update(available=0, sold=12)
    Drop.objects.filter(deal=deal).update(show=room.shows.get())
    encoder = encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    time.sleep(3)
    stage.pin(room=room, item=item, by=room.anchor)
    chat.say(room=room, user=cast.make_user("小满"), key=uuid.uuid4(), text="这个脆不脆呀")
    time.sleep(5)
    stage.unpin(room=room, by=room.anchor)
    chat.say(room=room, user=cast.make_user("阿芳"), key=uuid.uuid4(), text="下一个是什么")
    time.sleep(2)
    stage.end_show(room=room, by=room.anchor)
    encoder.process.wait(10)
    soon(lambda: room.recordings.exclude(ended_at=None).exists())
    page = desktop()
    page.goto("/live/axia")
    page.get_by_role("link", name="看回放").click()
    until(page, "document.getElementById('film').readyState >= 2")
    assert page.evaluate("document.getElementById('film').duration") > 8
    over = page.get_by_role("region", name="本场一元购").get_by_role("listitem")
    expect(over).to_contain_text(re.compile("一元抢苹果.*已结束.*抢到 12 件", re.DOTALL))
    said = page.locator("#replay-talk li:visible")
    expect(said).to_have_count(0)
    page.evaluate("document.getElementById('film').muted = true")
    page.get_by_role("button", name="跳到").click()
    until(page, "document.getElementById('film').currentTime > 3.5")
    assert page.evaluate("document.getElementById('film').videoWidth") == 640
    expect(said).to_have_text("小满 这个脆不脆呀")
    axe(page)
    page.evaluate("document.getElementById('film').currentTime = 100")
    until(page, "document.getElementById('film').ended && !document.getElementById('film').seeking")
    expect(said).to_have_text(["小满 这个脆不脆呀", "阿芳 下一个是什么"])
    page.evaluate("document.getElementById('film').currentTime = 0")
    expect(said).to_have_count(0)
    page.get_by_role("link", name="讲解片段").click()
    until(page, "document.getElementById('film').currentTime > 1")
    expect(page.get_by_role("heading", level=1)).to_have_text("洛川红富士 5斤装")
    axe(page)
    clip = page.url
    page.goto("about:blank")  # one film at a time: the browser of a whole test run is slow with two
    watching = phone()
    watching.goto(clip)
    until(watching, "document.getElementById('film').readyState >= 2", 45)
