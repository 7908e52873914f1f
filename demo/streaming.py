"""Rooms of the demo stream through the same door as any encoder, while nobody else streams there: a film of their goods, or a loop of footage."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import structlog
from django.conf import settings

from demo.film import Cut, push
from liveshop.threads import in_thread
from rooms.models import MediaServer, Room, ShelfItem, StreamKey
from rooms.video import keys, sessions

SCENES = 4
RETRY_S = 5
log = structlog.get_logger(__name__)


async def stream(slug: str, footage: Path | None = None) -> None:
    """Keeps the room's stream running while nobody else streams into it: the footage, or a film drawn of the room's goods."""
    film = footage or Path(settings.HOME) / "demo" / f"{slug}.mp4"
    stop = threading.Event()
    try:
        while True:
            try:
                address = await in_thread(_address)(slug)
                if address:
                    if not film.exists():
                        await asyncio.to_thread(_draw, film, await in_thread(_pictures)(slug))
                    await asyncio.to_thread(push, address, film, stop)
            except Exception as problem:
                log.info("demo_film_stopped", why=type(problem).__name__)
            await asyncio.sleep(RETRY_S)
    finally:
        stop.set()


def _address(slug: str) -> str:
    """Where to push to; nothing when video is another server's, encoders cannot connect, somebody streams, or the anchor has made a key of her own."""
    if settings.VIDEO_TIER != "embedded":
        return ""
    room = Room.objects.select_related("anchor").get(slug=slug)
    server = MediaServer.objects.order_by("-seen_at").first()
    if not server or not server.rtmp_port or room.is_banned or sessions.current(room):
        return ""
    kept = Path(settings.HOME) / "demo" / f"{slug}.key"
    held = StreamKey.objects.filter(room=room).first()
    if held and not (kept.exists() and keys.digest(kept.read_text()) == held.digest):
        return ""
    if not held:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(keys.make(room=room, by=room.anchor))
    host = "127.0.0.1" if settings.RTMP_BIND == "0.0.0.0" else settings.RTMP_BIND  # noqa: S104 - a comparison
    return f"rtmp://{host}:{server.rtmp_port}/live/{kept.read_text()}"


def _pictures(slug: str) -> list[str]:
    """Files of the first goods on the shelf."""
    found = []
    for item in ShelfItem.objects.filter(room__slug=slug, is_listed=True).order_by("position")[: SCENES * 2]:
        picture = item.product.pictures.first()
        path = settings.BASE_DIR / "static" / picture.path if picture else None
        if path and path.suffix == ".webp" and path.exists() and str(path) not in found:
            found.append(str(path))
    return found[:SCENES]


def _draw(film: Path, pictures: list[str]) -> None:
    """In a process of its own, for it takes some seconds of a core."""
    if not pictures:
        raise Cut
    film.parent.mkdir(parents=True, exist_ok=True)
    half = film.with_suffix(".part.mp4")
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "demo.film", str(half), *pictures], cwd=settings.BASE_DIR, check=True, capture_output=True, timeout=300
    )
    half.replace(film)
