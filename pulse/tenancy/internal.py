"""Other services of the same installation, which know the key in the setting INTERNAL_AUTH_KEY."""

from django.conf import settings
from django.utils.crypto import constant_time_compare
from rest_framework.exceptions import AuthenticationFailed

from pulse.tenancy.keys import program
from pulse.tenancy.models import Role, Tenant, User

NAME = "internal"


def check(text: str) -> None:
    """Raises AuthenticationFailed where the text is not the key, or where there is none."""
    if not settings.INTERNAL_AUTH_KEY:
        raise AuthenticationFailed("X-Internal-Auth is switched off: INTERNAL_AUTH_KEY is not set here")
    if not constant_time_compare(text, settings.INTERNAL_AUTH_KEY):
        raise AuthenticationFailed("the key in X-Internal-Auth is wrong")


def service(tenant: Tenant) -> User:
    """Who comes with the key: for the one tenant that is named, with all rights there."""
    return program(NAME, tenant, Role.ADMINISTRATOR)
