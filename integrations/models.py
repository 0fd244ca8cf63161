"""Who Pulse talks to."""

from django.core.exceptions import ValidationError
from django.db import models

from integrations.encryption import EncryptedJSONField
from integrations.errors import Permanent
from integrations.provider import Connection, Provider
from integrations.registry import get_provider, provider_names
from pulse.postgres.comments import commented
from pulse.tenancy.models import TenantOwned


def _check_provider(name: str) -> None:
    if name not in provider_names():
        raise ValidationError(f"provider {name!r} is unknown; known are: {', '.join(provider_names())}")


@commented(
    "Connections to the sites that data comes from, one for each site",
    provider="What kind of site it is, such as jira or github",
    name="What people call the connection, unique in the tenant",
    settings="JSON object of its settings, such as the address of the site; without secrets",
    secrets="Its passwords and tokens, encrypted",
)
class Integration(TenantOwned):
    """One connection of a tenant to one site. Creating one creates its job (etl does that)."""

    provider = models.CharField(max_length=50, validators=[_check_provider])
    name = models.CharField(max_length=200)
    settings = models.JSONField(default=dict, blank=True)
    secrets = EncryptedJSONField(default=dict, blank=True, editable=False)

    class Meta:
        db_table = "integrations"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="integrations_name")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError where a required setting is missing or a setting is unknown, naming it."""
        declared = {field.name: field for field in self.provider_code.settings}
        unknown = sorted((set(self.settings) | set(self.secrets)) - set(declared))
        if unknown:
            raise ValidationError(
                f"setting {unknown[0]!r} is unknown to {self.provider}; known are: {', '.join(declared)}"
            )
        open_secrets = sorted(name for name in self.settings if declared[name].secret)
        if open_secrets:
            raise ValidationError(f"setting {open_secrets[0]!r} of {self.provider} is a secret: give it as one")
        for name, field in declared.items():
            if field.required and not self.connection().setting(name):
                raise ValidationError(f"setting {name!r} of {self.provider} is required: {field.help}")
        try:
            for name, field in declared.items():
                field.check(self.connection().setting(name))
            self.provider_code.check(self.connection())
        except Permanent as error:
            raise ValidationError(str(error)) from error

    @property
    def provider_code(self) -> Provider:
        return get_provider(self.provider)

    def connection(self) -> Connection:
        """What the provider may know: with the secrets in clear, so never to be logged or stored."""
        return Connection(self.pk or 0, self.name, dict(self.settings), dict(self.secrets))


@commented(
    "Pictures of integrations",
    integration="integrations.id of the integration that it pictures; at most one each",
    content_type="Type of the picture: image/png, image/jpeg or image/webp",
    content="The picture itself, as Pulse has encoded it",
)
class IntegrationLogo(TenantOwned):
    """An integration's picture, as Pulse has encoded it itself; apart from the integration, which lists load."""

    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, primary_key=True, related_name="logo")
    content_type = models.CharField(max_length=20)
    content = models.BinaryField()

    class Meta:
        db_table = "integration_logos"

    def __str__(self) -> str:
        return f"logo of {self.integration}"


@commented(
    "What holds calls to an integration's site back",
    integration="integrations.id of the integration that is held back; at most one row each",
    blocked_until="Until when the site is not called, UTC; NULL: it may be",
    errors_in_a_row="How many calls have failed since one went well",
    limits_in_a_row="How often in a row the site refused calls without saying for how long",
    next_call_at="When its setting rate_limit allows the next call, UTC; NULL: at once",
    quota_left="How many calls, or points that calls cost, the site said are left; NULL: it never said",
    quota_limit="Of how many; NULL: it did not say",
    quota_name="What the site calls that budget; empty: nothing",
    quota_resets_at="When that budget is full again, UTC; NULL: the site did not say",
    quota_as_of="When the site said so, UTC",
)
class IntegrationLimit(TenantOwned):
    """What holds an integration back: a rate limit of the site, or a circuit opened by errors in a row."""

    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, primary_key=True, related_name="limit")
    blocked_until = models.DateTimeField(null=True, blank=True)
    errors_in_a_row = models.PositiveIntegerField(default=0, db_default=0)
    limits_in_a_row = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    next_call_at = models.DateTimeField(null=True, editable=False)
    quota_left = models.BigIntegerField(null=True, editable=False)
    quota_limit = models.BigIntegerField(null=True, editable=False)
    quota_name = models.CharField(max_length=100, blank=True, default="", db_default="", editable=False)
    quota_resets_at = models.DateTimeField(null=True, editable=False)
    quota_as_of = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "integration_limits"

    def __str__(self) -> str:
        return f"limits of {self.integration}"


@commented(
    "Access tokens of integrations that log in by OAuth or as an app",
    integration="integrations.id of the integration that the token opens; at most one each",
    secrets="The token, and secrets that its issuer has replaced, encrypted",
    minted_at="When the token was issued, UTC",
    expires_at="When the token ends, UTC",
)
class IntegrationToken(TenantOwned):
    """The access token that was minted last for an integration, and secrets that its issuer replaced meanwhile.

    Apart from the integration, whose secrets are what people gave: their form may be saved at any time. The row is
    locked while a token is renewed (`integrations.tokens`).
    """

    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, primary_key=True, related_name="token")
    secrets = EncryptedJSONField(default=dict, blank=True, editable=False)
    minted_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "integration_tokens"

    def __str__(self) -> str:
        return f"token of {self.integration}"
