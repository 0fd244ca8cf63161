"""Where the sockets are."""

from django.urls import re_path

from etl.live.consumers import JobStatusConsumer, NoSuchSocket
from etl.live.jobs_consumer import JobsConsumer

websocket_urlpatterns = [
    re_path(
        r"^ws/job/(?P<stage>extraction|transform|embedding)/(?P<tenant_id>[0-9]{1,18})/(?P<job_id>[0-9]{1,18})/?$",
        JobStatusConsumer.as_asgi(),
    ),
    re_path(r"^ws/jobs(?:/(?P<tenant_id>[0-9]{1,18}))?/?$", JobsConsumer.as_asgi()),
    # Without it the router raises, and every wrong address is a traceback in the log.
    re_path(r"", NoSuchSocket.as_asgi()),
]
