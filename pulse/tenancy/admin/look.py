"""How the admin looks to a person: in the colour of the tenant that they look at, with its name and picture.

Unfold calls these for each page; the settings name them.
"""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from unfold.settings import CONFIG_DEFAULTS

from pulse.tenancy.colours import scale
from pulse.tenancy.models import Tenant, TenantLogo, User


def colours(request: HttpRequest) -> dict[str, str]:
    """The steps of the scale that buttons and links are drawn in."""
    tenant = _tenant(request)
    return scale(tenant.colour) if tenant and tenant.colour else dict(CONFIG_DEFAULTS["COLORS"]["primary"])


def icon(request: HttpRequest) -> str | None:
    """The address of the tenant's picture, another one when the picture is; None: Pulse's symbol."""
    tenant = _tenant(request)
    changed = tenant and TenantLogo.objects.filter(tenant=tenant).values_list("last_updated_at", flat=True).first()
    return f"{reverse('tenant-logo', args=[tenant.pk])}?of={changed:%Y%m%d%H%M%S%f}" if tenant and changed else None


def subheader(request: HttpRequest) -> str | None:
    """Whose rows the pages show."""
    tenant, user = _tenant(request), request.user
    return tenant.name if tenant else "All tenants" if isinstance(user, User) and user.is_superuser else None


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """What a click on one's own name offers, besides the way out."""
    links = [{"title": "Your account and time zone", "link": reverse("account")}]
    if isinstance(request.user, User) and request.user.has_usable_password():
        links.append({"title": "Change password", "link": reverse("admin:password_change")})
    return links


def _tenant(request: HttpRequest) -> Tenant | None:
    """The one that is looked at."""
    user = request.user
    if not isinstance(user, User):
        return None
    return user.chosen if user.is_superuser else user.tenant
