"""One ASGI application for Daphne and uvicorn: pages by Django, `/ws/` by the hub's consumer, `/media/live/` by the video relay."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liveshop.settings")
pages = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - apps must be loaded first

from liveshop import collector  # noqa: E402
from liveshop.leaving import Leaving  # noqa: E402
from rooms.routing import websocket_urlpatterns  # noqa: E402
from rooms.video.routing import with_video  # noqa: E402

application = Leaving(ProtocolTypeRouter({"http": with_video(pages), "websocket": URLRouter(websocket_urlpatterns)}))
collector.tune()
