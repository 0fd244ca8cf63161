"""GitHub Apps: a JSON web token says who the App is, and mints the tokens with which an installation is read.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

import logging
import re
import textwrap
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.errors import Permanent
from integrations.http import HttpClient, Response
from integrations.json_values import UnreadableError, instant
from integrations.provider import Connection
from integrations.providers.github.address import HEADERS, address_of
from integrations.providers.github.refusals import advised, judged, object_in
from integrations.tokens import Minted

APP_ID, INSTALLATION_ID, PRIVATE_KEY = "app_id", "installation_id", "app_private_key"
logger = logging.getLogger(__name__)

# What a token is made of.
NAMES = (APP_ID, INSTALLATION_ID, PRIVATE_KEY, "base_url")
# Two clocks are never the same: the token is dated back, and is good for less than the ten minutes that are allowed.
DRIFT_SECONDS, LIFE_SECONDS = 60, 540
# More is nonsense: GitHub gives an hour.
LONGEST_SECONDS = 24 * 3600
_UNAUTHORISED = 401
LINE = 64
_pem = re.compile(r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----(.+?)-----END \1-----", re.DOTALL)
# Line ends, as they are or as they are written in other files. A form's field of one line may have eaten them all.
_line_ends = re.compile(r"\\+[rn]|\s")
_app_id = re.compile(r"\d{1,15}|Iv[\w.]{5,40}", re.ASCII)
_number = re.compile(r"\d{1,15}", re.ASCII)


def checked_app(connection: Connection) -> None:
    """Raises Permanent, naming the setting, where one is missing or cannot be right. The key is never shown."""
    for name in (APP_ID, INSTALLATION_ID, PRIVATE_KEY):
        if not connection.setting(name):
            raise Permanent(
                f"setting {name} is empty: a GitHub App takes {APP_ID}, {INSTALLATION_ID} and {PRIVATE_KEY}"
            )
    app_id, installation_id = connection.setting(APP_ID), connection.setting(INSTALLATION_ID)
    if not _app_id.fullmatch(app_id):
        raise Permanent(
            f"setting {APP_ID} is {app_id[:50]!r}: expected the App ID, a number, or the Client ID, as Iv23li..., "
            "that the App's own page shows"
        )
    if not _number.fullmatch(installation_id):
        raise Permanent(
            f"setting {INSTALLATION_ID} is {installation_id[:100]!r}: expected the number at the end of the address of "
            "the installation's page, .../settings/installations/12345678"
        )
    private_key(connection.setting(PRIVATE_KEY))


def private_key(text: str) -> RSAPrivateKey:
    """The key in a PEM file, PKCS#1 or PKCS#8, whatever became of its line ends. Raises Permanent for anything else."""
    found = _pem.search(text)
    if not found:
        raise _no_key("is encrypted" if "ENCRYPTED" in text else "holds no private key")
    kind, body = found[1], _line_ends.sub("", found[2])
    whole = "\n".join((f"-----BEGIN {kind}-----", *textwrap.wrap(body, LINE), f"-----END {kind}-----"))
    try:
        key = load_pem_private_key(whole.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _no_key("is encrypted" if "ENCRYPTED" in body else "holds a private key that cannot be read") from None
    if not isinstance(key, RSAPrivateKey):
        raise _no_key("holds a private key that is not one of RSA")
    return key


def _no_key(why: str) -> Permanent:
    return Permanent(
        f"setting {PRIVATE_KEY} {why}: give the whole .pem file that GitHub made for the App, "
        'from "-----BEGIN RSA PRIVATE KEY-----" to the end'
    )


def web_token(app_id: str, key: RSAPrivateKey, now: float) -> str:
    """What says who the App is, good for some minutes from ``now`` (epoch seconds).

    https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
    """
    claims = {"iat": int(now) - DRIFT_SECONDS, "exp": int(now) + LIFE_SECONDS, "iss": app_id}
    head = b".".join(_encoded(orjson.dumps(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return b".".join((head, _encoded(key.sign(head, PKCS1v15(), hashes.SHA256())))).decode()


def _encoded(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")


def mint(connection: Connection) -> Minted:
    """The next token of the installation. Raises a StageError.

    https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
    """
    response = _call(connection, "POST", f"/app/installations/{connection.setting(INSTALLATION_ID)}/access_tokens")
    answer = object_in(response)
    try:
        token, expires_at = answer.get("token"), instant(answer, "expires_at")
    except UnreadableError:
        token = None
    if type(token) is not str:
        raise Permanent(f"{response.call} answered no token with expires_at: check setting base_url")
    now = datetime.now(UTC)
    # By our own clock, which may differ from the site's.
    seconds = (expires_at - (response.source_time or now)).total_seconds()
    return Minted(token, now + timedelta(seconds=min(seconds, LONGEST_SECONDS)))


def installation(connection: Connection) -> dict[str, Any]:
    """The installation as the App sees it: ``account``, ``permissions``, ``app_slug``. Raises a StageError.

    https://docs.github.com/en/rest/apps/apps#get-an-installation-for-the-authenticated-app
    """
    return object_in(_call(connection, "GET", f"/app/installations/{connection.setting(INSTALLATION_ID)}"))


def installations(connection: Connection) -> dict[str, str]:
    """Number and account of the App's installations, of the first hundred. Raises a StageError.

    https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app
    """
    listed = _call(connection, "GET", "/app/installations?per_page=100").json()
    found = [one for one in listed if type(one) is dict] if type(listed) is list else []
    return {str(one.get("id")): _login(one.get("account")) for one in found}


def _login(account: Any) -> str:
    return str(account.get("login") or account.get("slug")) if type(account) is dict else "nobody"


class _OtherClock(Permanent):
    """A refusal by a site whose clock is so far from ours that it may be because of that. ``now`` is its time."""

    def __init__(self, message: str, now: datetime) -> None:
        super().__init__(message)
        self.now = now


def _call(connection: Connection, method: str, path: str) -> Response:
    """As the App itself, by the site's clock where it refuses ours."""
    try:
        return _called(connection, method, path, datetime.now(UTC))
    except _OtherClock as error:
        logger.warning("%s", error)
        return _called(connection, method, path, error.now)


def _called(connection: Connection, method: str, path: str, now: datetime) -> Response:
    address, app_id = address_of(connection.setting("base_url")), connection.setting(APP_ID)
    token = web_token(app_id, private_key(connection.setting(PRIVATE_KEY)), now.timestamp())
    http = HttpClient(address.root, headers={**HEADERS, "Authorization": f"Bearer {token}"})
    try:
        return http.request(method, f"{address.rest}{path}", judge=lambda response: _judged_at(now, response))
    except Permanent as error:
        advice = _advice(connection)
        if error.status not in advice:
            raise
        raise advised(error, advice[error.status]) from error


def _judged_at(now: datetime, response: Response) -> Response:
    theirs = response.source_time
    if response.status == _UNAUTHORISED and theirs and abs(theirs - now) >= timedelta(seconds=DRIFT_SECONDS / 2):
        clocks = f"its clock says {theirs:%H:%M:%S}, ours {now:%H:%M:%S}"
        raise _OtherClock(f"{response.call} answered 401, and {clocks}: trying it by its clock", theirs)
    return judged(response)


def _advice(connection: Connection) -> dict[int | None, str]:
    app_id, number = connection.setting(APP_ID), connection.setting(INSTALLATION_ID)
    return {
        _UNAUTHORISED: f"check that {PRIVATE_KEY} is a key of the App {APP_ID} {app_id}, and the clock of this machine",
        403: f"check that the installation {number} of the App {app_id} is not suspended",
        404: f"check {INSTALLATION_ID}: the App {app_id} has no installation {number}, or base_url is another site's",
    }
