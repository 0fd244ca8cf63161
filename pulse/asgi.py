"""The web process: HTTP by Django, sockets by Channels."""

import gc
import os
from importlib import import_module

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
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

# The garbage collector halts every request while it looks through all there is, a tenth of a second each time. What is
# loaded now stays, and is not looked at; the rest is every hundredth time rather than every tenth: most of it is freed
# without.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
gc.set_threshold(700, 10, 100)
