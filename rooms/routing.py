"""The sockets' addresses."""

from django.urls import path

from rooms.realtime.consumer import live
from rooms.video import routing as video

websocket_urlpatterns = [
    path("ws/live/<str:room>", live),  # type: ignore[arg-type] # an ASGI application is no view
    *video.websocket_urlpatterns,
]
