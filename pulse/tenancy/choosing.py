"""The one tenant that a superuser looks at in the admin: chosen in its header, kept in the session.

The API is asked about a tenant by name, so what is chosen here changes none of its answers.
"""

from collections.abc import Sequence

from django.http import HttpRequest
from django.urls import reverse

from pulse.postgres.scope import platform_scope
from pulse.tenancy.models import Tenant, User

MOST_OFFERED = 1000
_KEY = "chosen_tenant"


def take_up(request: HttpRequest) -> None:
    """Tells the request's user what the session has chosen, on the admin's pages; forgets a tenant that is no more."""
    user, pk = request.user, request.session.get(_KEY)
    if pk is None or not isinstance(user, User) or not user.is_superuser:
        return
    if not request.path.startswith(reverse("admin:index")):
        return
    with platform_scope():
        user.chosen = Tenant.objects.filter(pk=pk).first()
    if user.chosen is None:
        choose(request, None)


def choose(request: HttpRequest, tenant: Tenant | None) -> None:
    """From the next request on the session looks at that tenant; at all where it is None."""
    request.session.pop(_KEY, None)
    if tenant is not None:
        request.session[_KEY] = tenant.pk


def offered(user: User) -> Sequence[Tenant]:
    """What a superuser may choose from, by name."""
    if not user.is_superuser:
        return ()
    with platform_scope():
        return list(Tenant.objects.order_by("name")[:MOST_OFFERED])
