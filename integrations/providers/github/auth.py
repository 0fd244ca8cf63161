"""How an integration proves who it is: the setting token, or those of a GitHub App."""

from dataclasses import dataclass, field

from integrations.errors import Permanent
from integrations.provider import Connection
from integrations.providers.github import app
from integrations.tokens import RenewedToken

TOKEN = "token"  # noqa: S105 - a name of the setting
_SCHEMES = ("bearer ", "token ")
# Fine-grained, or of an App: they have permissions, and the site tells no scopes of them or an empty list.
_WITH_PERMISSIONS = ("github_pat_", "ghu_", "ghs_")


@dataclass(frozen=True)
class Credentials:
    """A personal access token, or one that an App mints (``token`` is empty then).

    ``advice`` says what to check in the settings where GitHub refuses them.
    """

    token: str = field(repr=False)
    renewed: RenewedToken | None
    advice: str

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.renewed else {"Authorization": f"Bearer {self.token}"}


def checked_credentials(connection: Connection) -> Credentials:
    """Raises Permanent, naming the setting, where one is missing or cannot be right. Secrets are never shown.

    Those of an App go before a token: a secret stays where it is once it was given, app_id can be emptied.
    """
    if is_app(connection):
        app.checked_app(connection)
        number, app_id = connection.setting(app.INSTALLATION_ID), connection.setting(app.APP_ID)
        advice = f"check that the installation {number} of the App {app_id} was neither removed nor suspended"
        return Credentials("", RenewedToken(connection, app.NAMES, app.mint), advice)
    advice = f"check that setting {TOKEN} has neither expired nor been revoked, and is one of the site in base_url"
    return Credentials(_checked_token(connection), None, advice)


def is_app(connection: Connection) -> bool:
    return bool(connection.setting(app.APP_ID))


def has_scopes(connection: Connection) -> bool:
    """Whether what the token may do are scopes, as of a classic one."""
    return not connection.setting(TOKEN).startswith(_WITH_PERMISSIONS)


def _checked_token(connection: Connection) -> str:
    token = connection.setting(TOKEN)
    if not token:
        given = [name for name in (app.PRIVATE_KEY, app.INSTALLATION_ID) if connection.setting(name)]
        if given:
            raise Permanent(f"setting {app.APP_ID} is empty, but {given[0]} is given: a GitHub App takes them all")
        raise Permanent(
            f"setting {TOKEN} is empty: GitHub asks for a personal access token, or for an App's {app.APP_ID}, "
            f"{app.INSTALLATION_ID} and {app.PRIVATE_KEY}"
        )
    if token.lower().startswith(_SCHEMES):
        raise Permanent(f"setting {TOKEN} begins with a word that is no part of it: give the token alone")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise Permanent(f"setting {TOKEN} holds characters that no token has: give a personal access token alone")
    return token
