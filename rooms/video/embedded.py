"""The embedded tier: `manage.py livemedia` takes streams in, and hears through the bus what happens to their rooms."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from liveshop import bus
from rooms.models import Room
from rooms.video import addresses
from rooms.video.models import MediaServer
from rooms.video.tier import Ladder

FRESH = timedelta(seconds=20)
USUAL_PORT = 1935


class Embedded:
    """See `tier.Tier`."""

    def ingest(self, host: str) -> str:
        server = self.health()
        if settings.RTMP_URL or not server or not server.rtmp_port:
            return settings.RTMP_URL
        scheme = "rtmps" if settings.RTMP_CERTIFICATE else "rtmp"
        return f"{scheme}://{host}{'' if server.rtmp_port == USUAL_PORT else f':{server.rtmp_port}'}/live"

    def typed_key(self, room: str, key: str) -> str:
        return key

    def camera_path(self, room: str) -> str:
        return addresses.camera_path(room)

    def ladder(self, room: str) -> Ladder:
        return Ladder(live=addresses.live_path(room), hls=addresses.hls_path(room))

    def cut_in_tx(self, room: Room, why: str, *, source: str = "") -> None:
        bus.notify_in_tx("stream", {"do": "cut", "room": room.pk, "why": why, "source": source})

    def changed_in_tx(self, room_id: int, kind: str) -> None:
        """The media process hears room events itself."""

    def health(self) -> MediaServer | None:
        found = MediaServer.objects.filter(seen_at__gt=timezone.now() - FRESH).exclude(name__startswith="external:")
        return found.order_by("-seen_at").first()
