"""The JSON web tokens with which an app says who it is.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

import base64
import binascii
from collections.abc import Collection
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from integrations.sandbox.github.refusals import Denied

MOST_SECONDS = 600
# Two clocks are never the same.
DRIFT_SECONDS = 60
UNREADABLE = "A JSON web token could not be decoded"


def check(token: str, key: rsa.RSAPublicKey, issuers: Collection[str], now: float) -> None:
    """Raises Denied 401 for what is not a token of one of `issuers`, signed with RS256 and good at `now` (epoch s)."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Denied(401, UNREADABLE)
    header, claims = (_object(part) for part in parts[:2])
    if header.get("alg") != "RS256":
        raise Denied(401, UNREADABLE)
    try:
        key.verify(_bytes(parts[2]), f"{parts[0]}.{parts[1]}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise Denied(401, UNREADABLE) from None
    if str(claims.get("iss")) not in issuers:
        raise Denied(401, "'Issuer' claim ('iss') must be the App ID or the client ID of the app")
    _check_times(claims, now)


def _check_times(claims: dict[str, Any], now: float) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or issued > now + DRIFT_SECONDS:
        raise Denied(401, "'Issued at' claim ('iat') must be an Integer representing the time of issue, not ahead")
    if type(expires) is not int or expires <= now:
        raise Denied(401, "'Expiration time' claim ('exp') must be a numeric value in the future")
    # From now, not from its issue: that may be dated back because of the drift.
    if expires > now + MOST_SECONDS:
        raise Denied(401, "'Expiration time' claim ('exp') is too far in the future")


def _object(part: str) -> dict[str, Any]:
    try:
        found = orjson.loads(_bytes(part))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Denied(401, UNREADABLE)
    return found


def _bytes(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise Denied(401, UNREADABLE) from None
