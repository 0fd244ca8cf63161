"""Who asks: by an access token, by an API key, or as another service of the installation. Sessions are Django's.

Programs that come with a key are no users: `request.user` has no row then, and `request.auth` is the `ApiKey`; it is
the word "internal" for a service.
"""

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework_simplejwt.tokens import AccessToken, Token

from etl.api.errors import NoSuchRow
from etl.api.forms import Form, IdField
from pulse.postgres.scope import platform_scope
from pulse.tenancy import internal, keys
from pulse.tenancy.models import ApiKey, Tenant, User
from pulse.tenancy.tokens import user_of

TENANT = "tenant_id"
CHALLENGE = 'Bearer realm="api"'


def _given(request: Request, kind: str) -> str | None:
    """What stands behind that word in the header Authorization."""
    word, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if word.lower() == kind else None


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer TOKEN``."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        text = _given(request, "bearer")
        return None if text is None else user_of(AccessToken, text)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class KeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key pk_…``."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        text = _given(request, "api-key")
        if text is None:
            return None
        key = keys.key_of(text)
        return keys.holder(key), key


class InternalAuthentication(BaseAuthentication):
    """``X-Internal-Auth: KEY`` with ``?tenant_id=``: another service of the installation, for that tenant."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        text = request.headers.get("X-Internal-Auth")
        if text is None:
            return None
        internal.check(text)
        return internal.service(named_tenant(request.query_params.get(TENANT))), internal.NAME


class _TenantForm(Form):
    tenant_id = IdField()


def named_tenant(asked: str | int | None) -> Tenant:
    """The tenant of that id. Raises ValidationError and NoSuchRow."""
    form = _TenantForm(data={} if asked is None else {TENANT: asked})
    form.is_valid(raise_exception=True)
    with platform_scope():
        found = Tenant.objects.filter(pk=form.validated_data[TENANT]).first()
    if found is None:
        raise NoSuchRow(TENANT, asked)
    return found
