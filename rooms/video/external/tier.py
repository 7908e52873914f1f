"""The external tier: nginx-rtmp, SRS or MediaMTX carries the video; callbacks and jobs keep rooms and streams together."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from rooms.models import Room
from rooms.video.external import links, publishing
from rooms.video.models import MediaServer
from rooms.video.tier import Ladder

FRESH = timedelta(seconds=30)  # it is asked every ten
FOLLOWED = {"show_started", "show_ended", "room_banned"}


class External:
    """See `rooms.video.tier.Tier`. Browsers' cameras need our own media process, which does not run here."""

    def ingest(self, host: str) -> str:
        server = self.health()
        return settings.RTMP_URL if server and not server.problem else ""

    def typed_key(self, room: str, key: str) -> str:
        return f"{room}?key={key}"

    def camera_path(self, room: str) -> str:
        return ""

    def ladder(self, room: str) -> Ladder:
        return Ladder(live="", hls=links.hls_url(room))

    def cut_in_tx(self, room: Room, why: str, *, source: str = "") -> None:
        from rooms.video.tasks import cut_external  # jobs import this package

        if source in ("", "encoder"):
            cut_external.defer(room_id=room.pk, why=why)

    def changed_in_tx(self, room_id: int, kind: str) -> None:
        from rooms.video.tasks import follow_external

        if kind in FOLLOWED:
            follow_external.defer(room_id=room_id)

    def health(self) -> MediaServer | None:
        return MediaServer.objects.filter(name=publishing.server_name(), seen_at__gt=timezone.now() - FRESH).first()
