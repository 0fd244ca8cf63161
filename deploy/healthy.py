"""Ends well where the web process of this container answers. Run by the image's health check."""

import os
import sys
import urllib.request

TIMEOUT_SECONDS = 4


def answers(url: str) -> bool:
    """Whether a GET of the address ends with status 200."""
    # A name that this installation serves: Django refuses any other.
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].removeprefix(".")
    request = urllib.request.Request(url, headers={"Host": "localhost" if host == "*" else host})  # noqa: S310 - an address of our own
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError as error:
        print(error, file=sys.stderr)
        return False


if __name__ == "__main__":
    sys.exit(0 if answers("http://127.0.0.1:8000/app/etl/health/live") else 1)
