"""The web process: HTTP by Django, sockets by Channels."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
http = get_asgi_application()

from etl.live.callers import BySessionOrToken  # noqa: E402  (needs the applications that Django just loaded)
from etl.live.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": BySessionOrToken(URLRouter(websocket_urlpatterns)),
    }
)
