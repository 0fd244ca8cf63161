"""Who calls: personal tokens, the app behind a JSON web token, and the tokens that it mints for its installations.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from integrations.sandbox.github.accounts import Account
from integrations.sandbox.github.catalog import LABS, ORGANIZATION
from integrations.sandbox.github.refusals import Denied
from integrations.sandbox.github.repositories import Repository
from integrations.sandbox.github.webtokens import check

TOKEN, FINE_GRAINED_TOKEN = "ghp_sandbox", "github_pat_sandbox"
CLASSIC, FINE_GRAINED, INSTALLATION = "classic", "fine-grained", "installation"
TOKEN_SECONDS = 3_600
PERMISSIONS = {"metadata": "read", "contents": "read", "pull_requests": "read"}
KEY_BITS = 2_048


@dataclass(frozen=True, slots=True)
class Caller:
    """`number` is whose budget is charged. Private repositories are read of `owners` (None: of all) only, and of these
    only those named in `repositories` (None: all), in lower case.
    """

    kind: str
    number: int
    account: Account
    owners: frozenset[str] | None = None
    repositories: frozenset[str] | None = None

    def grants(self, repository: Repository) -> bool:
        if self.owners is not None and repository.owner.login not in self.owners:
            return False
        return self.repositories is None or repository.name_with_owner.lower() in self.repositories

    def may_read(self, repository: Repository) -> bool:
        return not repository.is_private or self.grants(repository)


@dataclass(frozen=True, slots=True)
class Installation:
    number: int
    account: str


@dataclass(slots=True)
class Minted:
    """A token of an installation; `expires_at` in epoch seconds."""

    installation: Installation
    expires_at: float
    repositories: frozenset[str] | None


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """One for all apps of this process: making it takes a while, and most sites are read with a personal token."""
    return rsa.generate_private_key(65_537, KEY_BITS)


@dataclass
class GitHubApp:
    """An app and where it is installed. `token_seconds` is how long the tokens that it mints are good for."""

    id: int = 1_048_577
    client_id: str = "Iv23liSandboxApp0001"
    slug: str = "pulse-sandbox"
    token_seconds: int = TOKEN_SECONDS
    installations: tuple[Installation, ...] = (
        Installation(6_100_000_001, ORGANIZATION),
        Installation(6_100_000_002, LABS),
    )
    minted: dict[str, Minted] = field(default_factory=dict)

    @property
    def key(self) -> rsa.RSAPrivateKey:
        return signing_key()

    @property
    def private_key(self) -> str:
        """As GitHub gives it to download: PEM, PKCS#1."""
        form = serialization.PrivateFormat.TraditionalOpenSSL
        plain = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, plain).decode()

    def mint(self, number: int, repositories: frozenset[str] | None, now: float) -> tuple[str, Minted]:
        """A token for an installation. Raises Denied 404 for an unknown one."""
        found = next((one for one in self.installations if one.number == number), None)
        if found is None:
            raise Denied(404, "Integration not found")
        token = f"ghs_{secrets.token_hex(18)}"
        # Whole seconds, as the answer tells it: a token must not die before the time that was told.
        self.minted[token] = Minted(found, int(now) + self.token_seconds, repositories)
        return token, self.minted[token]

    def expire_tokens(self) -> None:
        """Refuses every token that was minted until now."""
        self.minted.clear()


def credentials(headers: Mapping[str, str]) -> str | None:
    """What the call brings as `Authorization: bearer …` or `token …`; None where it brings nothing."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() in ("bearer", "token") and value.strip() else None


class Callers:
    """Knows the tokens. `token` reads all, `fine_grained_token` only what is public or of one organisation."""

    def __init__(self, accounts: Mapping[str, Account], viewer: Account, app: GitHubApp, token: str, fine: str) -> None:
        self.accounts, self.viewer, self.app, self.token, self.fine_grained_token = accounts, viewer, app, token, fine

    def caller(self, headers: Mapping[str, str], now: float) -> Caller:
        """Raises Denied 401 without a token that is good."""
        given = credentials(headers)
        if given is None:
            raise Denied(401, "Requires authentication")
        # As bytes: compare_digest refuses text that is not ASCII.
        if secrets.compare_digest(given.encode(), self.token.encode()):
            return Caller(CLASSIC, self.viewer.number, self.viewer)
        if secrets.compare_digest(given.encode(), self.fine_grained_token.encode()):
            return Caller(FINE_GRAINED, self.viewer.number, self.viewer, frozenset({ORGANIZATION}))
        minted = self.app.minted.get(given)
        if minted is None or minted.expires_at <= now:
            raise Denied(401, "Bad credentials")
        bot = Account("Bot", self.app.id, self.app.slug, None, "", self.viewer.created_at)
        installed = minted.installation
        return Caller(INSTALLATION, installed.number, bot, frozenset({installed.account}), minted.repositories)

    def app_caller(self, headers: Mapping[str, str], now: float) -> None:
        """Raises Denied 401 unless the call brings a JSON web token that the app signed."""
        given = credentials(headers)
        if given is None:
            raise Denied(401, "A JSON web token could not be decoded")
        check(given, self.app.key.public_key(), (str(self.app.id), self.app.client_id), now)
