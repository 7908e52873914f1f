"""`manage.py livemedia`: takes streams in and hands them out, until a signal."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand

from rooms.video import server


class Command(BaseCommand):
    help = "The media process: RTMP ingest, live video to the site's processes, recordings. docs/video.md"

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            import uvloop  # inside: `manage.py help` needs no event loop

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(server.run())
        except KeyboardInterrupt:
            return
