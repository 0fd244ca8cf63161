"""Webhook deliveries: https://docs.github.com/en/webhooks/webhook-events-and-payloads"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import orjson

NAMESPACE = UUID("2f6c1c55-8f0e-4a57-9a3e-0d9f6f0f2b11")
HOOK_ID = "471000001"


@dataclass(frozen=True, slots=True)
class Delivery:
    """`id` names the delivery: sent again, it is the same. `body` are the bytes that are signed."""

    id: str
    event: str
    body: bytes

    def headers(self, secret: str | None = None) -> dict[str, str]:
        """With a signature where there is a secret."""
        shown = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/sandbox",
            "X-GitHub-Delivery": self.id,
            "X-GitHub-Event": self.event,
            "X-GitHub-Hook-ID": HOOK_ID,
            "X-GitHub-Hook-Installation-Target-Type": "organization",
        }
        return shown | ({"X-Hub-Signature-256": signature(secret, self.body)} if secret else {})

    @property
    def content(self) -> Any:
        return orjson.loads(self.body)


def delivery(place: int, event: str, content: dict[str, Any]) -> Delivery:
    """The one at that place of a site's life. The same thing told twice are two deliveries."""
    body = orjson.dumps(content)
    # Of its body too: a site that is started anew must not give the ids of the one before.
    return Delivery(str(uuid5(NAMESPACE, f"{place}/{event}/{hashlib.sha256(body).hexdigest()}")), event, body)


def signature(secret: str, body: bytes) -> str:
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
