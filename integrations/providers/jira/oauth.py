"""OAuth 2.0 of Jira Cloud: an access token lasts an hour, and a refresh token, good for one use, gives the next one.

https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from integrations.errors import Permanent
from integrations.http import HttpClient, Response
from integrations.provider import Connection, SettingField
from integrations.tokens import Minted, RenewedToken

TOKEN_URL = "https://auth.atlassian.com/oauth/token"  # noqa: S105
CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "oauth_client_id", "oauth_client_secret", "oauth_refresh_token"
SETTINGS = (
    SettingField(CLIENT_ID, "Client id of an OAuth 2.0 app; with its secret and a refresh token in place of api_token"),
    SettingField(CLIENT_SECRET, "Client secret of the OAuth 2.0 app", secret=True),
    SettingField(
        REFRESH_TOKEN, "Refresh token of the account that authorised the app; Pulse keeps those after it", secret=True
    ),
    SettingField("token_url", f"Where OAuth tokens are renewed; {TOKEN_URL} where empty", credentials_go_there=True),
)
NAMES = tuple(setting.name for setting in SETTINGS)
# What the issuer says of the app and not of the refresh token.
_OF_THE_APP = ("invalid_client", "unauthorized_client", "access_denied", "unauthorized")
_REFUSALS = (400, 401, 403)
# More is nonsense: an hour is what Atlassian gives.
LONGEST_SECONDS = 24 * 3600


def mint(connection: Connection) -> Minted:
    """The next access token, and the refresh token for the one after it.

    https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens/
    """
    parts = urlsplit(connection.setting("token_url", TOKEN_URL))
    names = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
    question = {"grant_type": "refresh_token", **{name: connection.setting(ours) for name, ours in names.items()}}
    http = HttpClient(f"{parts.scheme}://{parts.netloc}", setting="token_url")
    response = http.request("POST", parts.path, json=question, accept=_REFUSALS)
    answer = response.json()
    if type(answer) is not dict or response.status != 200:
        raise _refused(response, answer)
    return _read(response, answer)


def reached_sites(base_url: str, token: RenewedToken) -> dict[str, str]:
    """Address and cloudId of the sites for which the app was authorised. Raises a StageError.

    https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#3-1-get-the-cloudid-for-your-site
    """
    parts = urlsplit(base_url)
    http = HttpClient(f"{parts.scheme}://{parts.netloc}", auth=token)
    listed = http.request("GET", "/oauth/token/accessible-resources").json()
    sites = [site for site in listed if type(site) is dict] if type(listed) is list else []
    return {str(site.get("url")): str(site.get("id")) for site in sites}


def _read(response: Response, answer: dict[str, Any]) -> Minted:
    token, refresh_token, seconds = answer.get("access_token"), answer.get("refresh_token"), answer.get("expires_in")
    if type(token) is not str or not isinstance(seconds, int | float) or seconds <= 0:
        raise Permanent(f"{response.call} answered no access_token with expires_in: check setting token_url")
    expires_at = datetime.now(UTC) + timedelta(seconds=min(seconds, LONGEST_SECONDS))
    # An issuer that does not rotate them gives none.
    replaced = {REFRESH_TOKEN: refresh_token} if type(refresh_token) is str and refresh_token else {}
    return Minted(token, expires_at, replaced)


def _refused(response: Response, answer: Any) -> Permanent:
    """Says which secret is to be given anew. Only the error's name is shown: what goes with it may hold secrets."""
    error = answer.get("error") if type(answer) is dict else None
    named = error[:50] if type(error) is str else ""
    advice = f"check settings {CLIENT_ID}, {CLIENT_SECRET} and {REFRESH_TOKEN}"
    if named == "invalid_grant":
        advice = (
            f"the refresh token was used elsewhere, was revoked or is too old: authorise the app again, with the scope "
            f"offline_access, and give its new refresh token as {REFRESH_TOKEN}"
        )
    elif named in _OF_THE_APP:
        advice = f"check settings {CLIENT_ID} and {CLIENT_SECRET}: they are those of the OAuth 2.0 app"
    return Permanent(
        f"the OAuth access token cannot be renewed: {response.call} answered {response.status} {named}".strip()
        + f" ({advice})"
    )
