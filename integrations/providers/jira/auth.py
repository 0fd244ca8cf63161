"""How an integration proves who it is: the settings base_url, email, username and api_token."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from integrations.errors import Permanent
from integrations.provider import Connection

# Where OAuth tokens and scoped API tokens of Cloud are taken; the site's own address refuses them.
GATEWAY_HOST = "api.atlassian.com"
_GATEWAY_FORM = f"https://{GATEWAY_HOST}/ex/jira/{{cloudId}}"
_CLOUD_DOMAINS = (".atlassian.net", ".jira.com", ".jira-dev.com")


@dataclass(frozen=True)
class Credentials:
    """An account with its API token or password, or a token that stands for the account (``user`` is empty)."""

    user: str
    token: str = field(repr=False)

    @property
    def basic(self) -> tuple[str, str] | None:
        return (self.user, self.token) if self.user else None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.user else {"Authorization": f"Bearer {self.token}"}


def checked_base_url(text: str) -> str:
    """The site's address without a slash at its end. Raises Permanent, naming the setting and its value.

    It may have a path: the context path of a Data Center site, or the site's place at the gateway.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Permanent(f"setting base_url is {text!r}: {error}") from None
    if parts.username or parts.password:
        raise Permanent(f"setting base_url holds a user or password before the host {host!r}: use email and api_token")
    whole = parts.scheme in ("http", "https") and host and not parts.query and not parts.fragment
    if not whole or any(character.isspace() for character in text):
        raise Permanent(f"setting base_url is {text!r}: expected an address like https://acme.atlassian.net")
    if host == GATEWAY_HOST and not _names_a_site(parts):
        raise Permanent(f"setting base_url is {text!r}: expected {_GATEWAY_FORM}, with the id of the site")
    return text.rstrip("/")


def checked_credentials(connection: Connection) -> Credentials:
    """Raises Permanent, naming the setting, where the token is missing or cannot be one. Its value is never shown."""
    token = connection.setting("api_token")
    if not token:
        raise Permanent("setting api_token is empty: Jira asks for an API token, a password or a personal access token")
    user = connection.setting("email") or connection.setting("username")
    # A password may hold anything; a token alone goes into a header as it is.
    if not user and not (token.isascii() and token.isprintable() and " " not in token):
        raise Permanent(
            "setting api_token holds characters that no token has, and email is empty: "
            "give a token alone, or a password with its account as email"
        )
    if not user and (urlsplit(connection.setting("base_url")).hostname or "").endswith(_CLOUD_DOMAINS):
        raise Permanent(
            "setting email is empty: the address of a Cloud site takes no token alone; set it to the address of the "
            f"account that owns api_token, or, for an OAuth token, base_url to {_GATEWAY_FORM}"
        )
    return Credentials(user, token)


def advice(base_url: str, credentials: Credentials) -> str:
    """What to check in the settings where the site refuses the credentials."""
    host = urlsplit(base_url).hostname or ""
    if host == GATEWAY_HOST:
        return (
            "check that api_token has not expired and has the scopes read:jira-work and read:jira-user, "
            f"and that base_url is {_GATEWAY_FORM} with the id of its site"
        )
    if host.endswith(_CLOUD_DOMAINS):
        return (
            f"check that email is the address of the account {credentials.user!r} that owns api_token, and that the "
            f"token has not expired; a token with scopes needs {_GATEWAY_FORM} as base_url"
        )
    if credentials.user:
        return (
            "check email and api_token; for a personal access token leave email and username empty; "
            "after failed logins, log in once in a browser, where Jira may ask for a CAPTCHA"
        )
    return (
        "check that api_token is a personal access token that has not expired; "
        "for an API token or a password set email as well"
    )


def _names_a_site(parts: SplitResult) -> bool:
    steps = parts.path.strip("/").split("/")
    return len(steps) == 3 and steps[:2] == ["ex", "jira"]
