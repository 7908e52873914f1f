"""Addresses of live video, for the site's processes and for the media process itself."""

from functools import partial
from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from rooms.video import doors, passing
from rooms.video.doors import Source
from rooms.video.relay import relay

SOCKET = "media/live/<str:room>"
CAMERA = "media/live/<str:room>/camera"
STILL = "media/live/<str:room>/still.jpg"
HLS = "media/live/<str:room>/<str:token>/<str:name>"


def sockets(source: Source, film: Any) -> list[Any]:
    """The viewers' websocket, and the one of an anchor's camera."""
    return [path(SOCKET, partial(doors.watch, source=source)), path(CAMERA, film)]  # type: ignore[arg-type] # ASGI applications are no views


def requests(source: Source) -> list[Any]:
    """HLS, and stills."""
    return [path(STILL, partial(doors.still, source=source)), path(HLS, partial(doors.playlist_or_segment, source=source))]  # type: ignore[arg-type]


def with_video(pages: Any) -> Any:
    """The site's HTTP application: video from the relay, all else from Django."""
    return URLRouter([*requests(relay), re_path(r"", pages)])


websocket_urlpatterns = sockets(relay, passing.camera)
