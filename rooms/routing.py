"""The socket's address."""

from django.urls import path

from rooms.realtime.consumer import live

websocket_urlpatterns = [path("ws/live/<str:room>", live)]  # type: ignore[arg-type] # an ASGI application is no view
