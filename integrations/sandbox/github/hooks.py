"""Posting webhook deliveries to whoever asked for them."""

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from integrations.sandbox.github.deliveries import Delivery

log = logging.getLogger(__name__)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# As GitHub: whoever has not answered by then has failed, and is not asked again.
TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook: its deliveries are signed with `secret`. Raises ValueError for an address elsewhere."""

    url: str
    secret: str

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme != "http" or urlsplit(self.url).hostname not in LOOPBACK:
            raise ValueError(f"url is {self.url!r}: expected http://127.0.0.1:… — the sandbox calls nobody else")

    def __call__(self, delivery: Delivery) -> None:
        try:
            httpx.post(self.url, content=delivery.body, headers=delivery.headers(self.secret), timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            # Lost, as on the real site: what is told here can be read there.
            log.warning("delivery %s did not arrive: %s", delivery.id, error)
