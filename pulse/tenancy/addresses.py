"""From where a request comes."""

import ipaddress
from typing import Any

from django.conf import settings


def client_address(request: Any) -> str | None:
    """The IP address of who asks; None where the connection has none.

    Behind TRUSTED_PROXIES proxies, each of which adds to X-Forwarded-For who asked it, it is the one that the outermost
    of them saw. What stands before that anybody may have written.
    """
    seen = [request.META.get("REMOTE_ADDR", "")]
    if settings.TRUSTED_PROXIES:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        seen = [*forwarded, *seen][-settings.TRUSTED_PROXIES - 1 :]
    try:
        return str(ipaddress.ip_address(seen[0].strip()))
    except ValueError:
        return None
