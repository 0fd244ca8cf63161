"""How an integration proves who it is: the settings base_url, email, username, api_token and those of OAuth."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from integrations.addresses import checked_address
from integrations.errors import Permanent
from integrations.provider import Connection
from integrations.providers.jira import oauth
from integrations.tokens import RenewedToken

# Where OAuth tokens and scoped API tokens of Cloud are taken; the site's own address refuses them.
GATEWAY_HOST = "api.atlassian.com"
_GATEWAY_FORM = f"https://{GATEWAY_HOST}/ex/jira/{{cloudId}}"
_CLOUD_DOMAINS = (".atlassian.net", ".jira.com", ".jira-dev.com")
_ACCOUNT = "email and api_token"
# What the paths of a site's own pages and of its API go on with. Addresses of Cloud sites have no path at all.
_PAGES = ("browse", "rest", "secure", "projects", "issues", "login.jsp")


@dataclass(frozen=True)
class Credentials:
    """An account with its API token or password, or a token that stands for the account (``user`` is empty).

    ``renewed`` is that token where OAuth mints it; ``token`` is empty then.
    """

    user: str
    token: str = field(repr=False)
    renewed: RenewedToken | None = None

    @property
    def auth(self) -> tuple[str, str] | RenewedToken | None:
        return (self.user, self.token) if self.user else self.renewed

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.auth else {"Authorization": f"Bearer {self.token}"}


def checked_base_url(text: str) -> str:
    """The site's address without a slash at its end. Raises Permanent, naming the setting and its value.

    It may have a path: the context path of a Data Center site, or the site's place at the gateway.
    """
    parts = checked_address("base_url", text, "https://acme.atlassian.net", _ACCOUNT)
    if parts.hostname == GATEWAY_HOST and not _names_a_site(parts):
        raise Permanent(f"setting base_url is {text!r}: expected {_GATEWAY_FORM}, with the id of the site")
    if wanted := _before_a_page(parts):
        raise Permanent(f"setting base_url is {text!r}, which is the address of a page: write {wanted}")
    return text.rstrip("/")


def checked_credentials(connection: Connection) -> Credentials:
    """Raises Permanent, naming the setting, where a token is missing or cannot be one. Its value is never shown."""
    user = connection.setting("email") or connection.setting("username")
    if not user and (connection.setting(oauth.REFRESH_TOKEN) or not connection.setting("api_token")):
        found = _checked_oauth(connection)
    else:
        found = Credentials(user, _checked_token(connection, user))
    if not user and (urlsplit(connection.setting("base_url")).hostname or "").endswith(_CLOUD_DOMAINS):
        raise Permanent(
            "setting email is empty: the address of a Cloud site takes no token alone; set it to the address of the "
            f"account that owns api_token, or, for an OAuth token, base_url to {_GATEWAY_FORM} "
            f"({connection.setting('base_url').rstrip('/')}/_edge/tenant_info shows the cloudId)"
        )
    return found


def _checked_oauth(connection: Connection) -> Credentials:
    given = [name for name in (oauth.CLIENT_ID, oauth.CLIENT_SECRET, oauth.REFRESH_TOKEN) if connection.setting(name)]
    if not given:
        raise Permanent(
            "setting api_token is empty: Jira asks for an API token, a password or a personal access token, or for "
            f"OAuth's {oauth.CLIENT_ID}, {oauth.CLIENT_SECRET} and {oauth.REFRESH_TOKEN}"
        )
    for name in (oauth.CLIENT_ID, oauth.CLIENT_SECRET, oauth.REFRESH_TOKEN):
        if name not in given:
            raise Permanent(f"setting {name} is empty, but {given[0]} is given: OAuth takes all three of them")
    checked_address("token_url", connection.setting("token_url", oauth.TOKEN_URL), oauth.TOKEN_URL, _ACCOUNT)
    return Credentials("", "", RenewedToken(connection, oauth.NAMES, oauth.mint))


def _checked_token(connection: Connection, user: str) -> str:
    token = connection.setting("api_token")
    if not token:
        raise Permanent(
            f"setting api_token is empty, but the account {user!r} is given: Jira asks for its API token or password; "
            "for OAuth leave email and username empty"
        )
    # A password may hold anything; a token alone goes into a header as it is.
    if not user and not (token.isascii() and token.isprintable() and " " not in token):
        raise Permanent(
            "setting api_token holds characters that no token has, and email is empty: "
            "give a token alone, or a password with its account as email"
        )
    return token


def advice(base_url: str, credentials: Credentials) -> str:
    """What to check in the settings where the site refuses the credentials."""
    host = urlsplit(base_url).hostname or ""
    if credentials.renewed:
        return (
            "check that the OAuth 2.0 app was authorised for this site, with the scopes read:jira-work and "
            f"read:jira-user, and that base_url is {_GATEWAY_FORM} with the id of the site"
        )
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


def _before_a_page(parts: SplitResult) -> str:
    """The site's address, where somebody took that of one of its pages; '' elsewhere."""
    steps = [step for step in parts.path.split("/") if step]
    pages = [place for place, step in enumerate(steps) if step in _PAGES]
    if (parts.hostname or "").endswith(_CLOUD_DOMAINS) and steps:
        pages = [0]
    return "/".join((f"{parts.scheme}://{parts.netloc}", *steps[: pages[0]])) if pages else ""


def _names_a_site(parts: SplitResult) -> bool:
    steps = parts.path.strip("/").split("/")
    return len(steps) == 3 and steps[:2] == ["ex", "jira"]
