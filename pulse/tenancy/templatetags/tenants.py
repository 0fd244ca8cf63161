"""The choice of a tenant in the admin's header."""

from typing import Any

from django import template

from pulse.tenancy import choosing
from pulse.tenancy.models import User

register = template.Library()


@register.inclusion_tag("tenancy/tenant_choice.html", takes_context=True)
def tenant_choice(context: template.RequestContext) -> dict[str, Any]:
    """A form for superusers, where there is more than one tenant."""
    request: Any = context.get("request")
    user = getattr(request, "user", None)
    tenants = choosing.offered(user) if isinstance(user, User) else ()
    if len(tenants) < 2 or not isinstance(user, User):
        return {}
    return {"request": request, "tenants": tenants, "chosen": user.chosen, "csrf_token": context.get("csrf_token")}
