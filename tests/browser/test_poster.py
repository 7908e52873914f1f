"""Share posters, drawn by the browser: the right size, and a code that leads where it says, by the sharer's own link."""

import base64
import io
import os
import time

import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from accounts.models import User
from alliance.models import Link
from alliance.tests import world
from catalog.models import ProductPicture
from rooms import stage
from rooms.models import Room
from rooms.video.tests.conftest import Media, soon
from tests import cast
from tests.browser.site import Site


def poster(page: Page, name: str) -> tuple[Image.Image, str]:
    """What the page offers to keep, and what its code says."""
    image = page.get_by_role("img", name="分享海报")
    expect(image).to_be_visible()
    data = (image.get_attribute("src") or "").removeprefix("data:image/png;base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (picture.format, picture.size) == ("PNG", (750, 1334))
    if os.environ.get("LOOK"):
        picture.save(f"{os.environ['LOOK']}/{name}.png")
    [found] = zxingcpp.read_barcodes(picture.convert("L"))
    return picture, found.text


def test_a_room_is_shared_as_a_poster_with_the_sharers_link(site: Site, phone, desktop, axe, room: Room, viewer: User) -> None:
    product = cast.make_product(title="洛川红富士苹果 85 mm 以上大果 5 斤装 产地直发 坏果包赔", price_fen=3990, stock=20)
    ProductPicture.objects.filter(product=product).update(path="img/goods/1f34e.webp")
    plan = world.make_plan(product)
    stage.pin(room=room, item=cast.make_shelf_item(room, product), by=room.anchor)
    page = phone(viewer)
    page.goto("/live/axia")
    page.get_by_role("link", name="分享").tap()
    assert not Link.objects.exists(), "looking makes no link"
    page.get_by_role("button", name="生成分享海报").tap()
    _picture, told = poster(page, "room")
    link = Link.objects.get()
    assert (link.promoter, link.plan, link.room) == (viewer, plan, room)
    assert told == f"{site.url}/a/{link.code}"
    with page.expect_download() as kept:
        page.get_by_role("link", name="保存海报").tap()
    assert kept.value.suggested_filename == "axia.png"
    assert Image.open(kept.value.path()).size == (750, 1334)
    axe(page, "#sheet")
    shot(page, "room-390")
    wide = desktop(viewer)
    wide.goto("/live/axia/share")
    wide.get_by_role("button", name="生成分享海报").click()
    assert poster(wide, "room-again")[1] == told, "the same link again"
    axe(wide)
    shot(wide, "room-1280")
    wide.goto(told)
    assert wide.url == f"{site.url}/live/axia"
    guest = phone()
    guest.goto("/live/axia/poster")
    assert poster(guest, "guest")[1] == f"{site.url}/live/axia", "a guest shares the room itself"
    assert Link.objects.count() == 1


def test_a_picture_that_does_not_load_costs_the_picture_alone(site: Site, phone, room: Room) -> None:
    Room.objects.update(cover="img/blank.svg")
    page = phone()
    page.route("**/cover.jpg", lambda route: route.abort())
    page.goto("/live/axia/poster")
    assert poster(page, "no-picture")[1] == f"{site.url}/live/axia"


def test_a_clip_is_shared_as_a_poster_and_its_code_leads_to_the_clip(
    media: Media, encode, site: Site, phone, desktop, axe, room: Room, viewer: User
) -> None:
    product = cast.make_product(title="洛川红富士 5斤装")
    world.make_plan(product)
    encoder = encode(room)
    soon(lambda: room.streams.exclude(show=None).exists())
    stage.pin(room=room, item=cast.make_shelf_item(room, product), by=room.anchor)
    time.sleep(4)
    stage.end_show(room=room, by=room.anchor)
    encoder.process.wait(10)
    soon(lambda: room.recordings.exclude(ended_at=None).exists())
    clip = f"/live/axia/shows/{room.shows.get().public_id}/1"
    page = phone(viewer)
    page.goto(clip)
    shot(page, "clip-390")
    page.get_by_role("button", name="分享海报").tap()
    _picture, told = poster(page, "clip")
    link = Link.objects.get()
    assert told == f"{site.url}/a/{link.code}?clip={room.shows.get().public_id}.1"
    axe(page)
    shot(page, "clip-poster-390")
    page.goto(told)
    assert page.url == site.url + clip
    guest = desktop()
    guest.goto(clip)
    shot(guest, "clip-1280")
    guest.get_by_role("button", name="分享海报").click()
    assert poster(guest, "clip-guest")[1] == site.url + clip
    shot(guest, "clip-poster-1280")


def shot(page: Page, name: str) -> None:
    if os.environ.get("LOOK"):
        page.screenshot(path=f"{os.environ['LOOK']}/{name}-page.png")
